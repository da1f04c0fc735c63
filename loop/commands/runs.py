"""`rlaif runs` and `rlaif runs show`: what the store knows of its runs."""

import sys
from pathlib import Path

from pydantic import TypeAdapter
from rich.console import Console
from rich.text import Text

from loop.commands.opening import open_run, open_store
from loop.commands.outcome import show_rounds
from loop.summary import RunSummary, summarise
from loop.table import runs_table
from review.visible import visible


def list_runs(url: str | None, output: Path, *, as_json: bool) -> None:
    """Every run of the store, oldest first."""
    with open_store(url, output) as store:
        summaries = [summarise(store.run(record.name), output / record.name) for record in store.runs()]
    if as_json:
        sys.stdout.write(TypeAdapter(list[RunSummary]).dump_json(summaries, indent=2).decode() + "\n")
    elif summaries:
        Console().print(runs_table(summaries))
    else:
        Console().print("The store has no runs yet.")


def show_run(name: str, url: str | None, output: Path, *, as_json: bool) -> None:
    """The rounds of one run."""
    with open_run(name, url, output) as store:
        summary = summarise(store, output / name)
    if as_json:
        sys.stdout.write(summary.model_dump_json(indent=2) + "\n")
        return
    console = Console()
    show_rounds(console, summary)
    for term, value in (("State", summary.stopped), ("Policy", summary.policy or "none yet")):
        console.print(Text(f"{term + ':':8}", style="bold").append(visible(value), style="not bold"))
