"""`rlaif league`: every policy of a run against every other, on request."""

import sys
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console
from rich.text import Text

from loop.commands.opening import open_store
from loop.config import parse_config
from loop.errors import RunStopped
from loop.league import play_league
from loop.progress import progress_on
from loop.report import write_report
from loop.rounds import open_context
from loop.standings import RunLeague, last_league
from loop.summary import summarise, write_summary
from loop.table import league_table
from policy.trainer import DpoTrainer
from prompts.sets import PromptSet
from store.run import RunStore
from store.store import Store


def show_league(name: str, url: str | None, output: Path, *, as_json: bool) -> None:
    """Play the league of a run as far as it has come, write it into the report, and print it."""
    with open_store(url, output) as store:
        kept = store.run(name)
        folder = output / name
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder / "run.lock", timeout=0):
                found = _play(store, kept, output)
        except Timeout as error:
            raise RunStopped(
                f"run {name} is going on in another process (it holds {folder}/run.lock); ask again when it has ended, "
                "or set league.every_round"
            ) from error
        if found is not None:
            write_report(kept, folder)
            write_summary(summarise(kept, folder), folder)
    if as_json:
        sys.stdout.write((found.model_dump_json(indent=2) if found else "null") + "\n")
    elif found is None:
        Console().print("No candidate has been weighed yet, so there is nobody to play.")
    else:
        console = Console()
        console.print(league_table(found))
        told = f"Elo points above the initial policy, by {found.judge}; {found.table.games:,} comparisons"
        console.print(
            Text(f"{told} on {found.table.prompts:,} prompts. The judge's word: it decides nothing.")
        )


def _play(store: Store, kept: RunStore, output: Path) -> RunLeague | None:
    index = max((decision.round for decision in kept.decisions()), default=0)
    if index == 0:
        return None
    played = last_league(kept)
    if played is not None and played.round == index:
        return played
    name = kept.record.name
    config = parse_config({**kept.record.config, "output": str(output)}, f"run {name}")
    prompts = PromptSet(train=tuple(kept.prompts("train")), heldout=tuple(kept.prompts("heldout")))
    context = open_context(config, name, prompts, store, output / name, progress_on(sys.stderr), DpoTrainer())
    try:
        return play_league(context, index)
    finally:
        context.shelf.clear()
