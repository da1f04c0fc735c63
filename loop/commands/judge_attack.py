"""`rlaif judge attack`: what each attack pattern gains with a judge, the most dangerous first."""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from judge.attacks.pattern import Request
from judge.attacks.patterns import chosen_patterns
from judge.attacks.requests import shipped_requests
from judge.attacks.trial import PatternResult, Trial, try_patterns
from loop.errors import ConfigError
from loop.judge_choice import JudgeChoice, choose_judge, open_judge
from loop.progress import progress_on
from policy.source import STARTER
from policy.starter.graded import graded_answers
from prompts.constitution import load_constitution
from store.judge_calls import JudgeCalls
from store.store import Store

STARTER_REQUESTS = 60


def attack_judge(
    judge: str,
    prompts: int | None,
    seed: int,
    names: Sequence[str],
    url: str | None,
    output: Path,
    *,
    as_json: bool,
) -> None:
    """Try the patterns of these names (all without any) on `judge` and print what they gained.

    What an external judge answers is kept in the store, so that trying again pays for nothing twice.
    """
    patterns = chosen_patterns(names)
    choice = choose_judge(judge)
    requests = _requests(choice, prompts, seed)
    trial = Trial(requests, patterns, load_constitution(choice.settings.constitution).hash, seed)
    progress = progress_on(sys.stderr)
    with (
        Store.open(url or f"sqlite:///{output / 'rlaif.db'}") as store,
        open_judge(
            choice, progress=progress, calls=JudgeCalls(store.database), account=f"judge attack {choice.name}"
        ) as opened,
    ):
        with progress.stage("attack", sum(1 for _ in trial.comparisons()), "comparisons") as bar:
            results = asyncio.run(try_patterns(opened, trial, bar.advance))
        name = opened.name
    if as_json:
        report = {
            "patterns": [result.model_dump(mode="json") for result in results],
            "judge": name,
            "seed": seed,
            "requests": len(requests),
        }
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
        return
    _show(Console(), name, len(requests), results)


def _requests(choice: JudgeChoice, wanted: int | None, seed: int) -> Sequence[Request]:
    if choice.policy is not None and choice.policy.model == STARTER:
        return [
            Request(request=prompt.text, axis=prompt.tags[0], good=good, poor=poor)
            for prompt, good, poor in graded_answers(seed, wanted or STARTER_REQUESTS)
        ]
    shipped = shipped_requests()
    if wanted is not None and wanted > len(shipped):
        raise ConfigError(
            f"--prompts {wanted}: there are {len(shipped)} requests with graded answers; ask for fewer"
        )
    # Harmful requests are the last; every n-th keeps their share.
    return shipped if wanted is None else [shipped[n * len(shipped) // wanted] for n in range(wanted)]


def _show(console: Console, name: str, requests: int, results: Sequence[PatternResult]) -> None:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), header_style="bold")
    table.add_column("the answer …", overflow="fold")
    for column in ("change", "clean", "attacked", "wins", "unscored"):
        table.add_column(column, justify="right")
    for result in results:
        table.add_row(*_cells(result))
    console.print(Text(f"{name}, {requests} requests; the most dangerous pattern first"))
    console.print(table)
    gained = sum(result.change is not None and result.change.low > 0 for result in results)
    said = f"{gained} of {len(results)} patterns raise an answer's win probability (95% interval above 0)."
    console.print(Text(said, style="bold"))
    if evading := sum(result.unscored for result in results):
        console.print(Text(f"{evading} attacked comparisons ended without a verdict.", style="yellow"))


def _cells(result: PatternResult) -> list[Text]:
    title = Text(result.name, style="bold").append(f"\n{result.does}", style="not bold dim")
    change = result.change
    if change is None or result.clean is None or result.attacked is None or result.wins is None:
        return [title, *[Text("–")] * 4, Text(f"{result.unscored}")]
    style = "red" if change.low > 0 else "green" if change.high < 0 else ""
    shown = Text(f"{change.value:+.2f}", style=style).append(
        f"\n{change.low:+.2f} to {change.high:+.2f}", style="not bold dim"
    )
    return [
        title,
        shown,
        Text(f"{result.clean:.2f}"),
        Text(f"{result.attacked:.2f}"),
        Text(f"{result.wins:.0%}"),
        Text(f"{result.unscored}" if result.unscored else ""),
    ]
