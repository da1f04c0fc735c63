"""`rlaif review ledger`: what every label changed."""

import sys
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loop.commands.opening import open_run
from review.visible import visible
from store.effects import EffectStage
from store.run import RunStore


def show_ledger(
    name: str,
    index: int | None,
    reviewer: str | None,
    stage: EffectStage | None,
    url: str | None,
    output: Path,
    *,
    as_json: bool,
) -> None:
    """Entries of the ledger with their labels, a line each; with `as_json` as JSON Lines."""
    with open_run(name, url, output) as store:
        if as_json:
            for entry in store.effects(round=index, reviewer=reviewer, stage=stage):
                sys.stdout.write(entry.model_dump_json() + "\n")
            return
        console = Console()
        entries = store.effects(round=index, reviewer=reviewer, stage=stage)
        shown = 0
        for round_, of_round in groupby(entries, key=lambda one: one.round):
            table = Table(
                "Stage", "Effect", "Why", "Label", "Said", "By", "On", title=f"Round {round_}", box=None
            )
            for one in of_round:
                label = store.label(one.label_id)
                said = label.value.replace("_", " ")
                cells = (one.stage, one.effect, one.why, one.label_id, said, one.reviewer, one.subject or "")
                table.add_row(*(Text(visible(cell)) for cell in cells))
                shown += 1
            console.print(table)
        _close(console, store, shown)


def _close(console: Console, store: RunStore, shown: int) -> None:
    rounds = [marker.round for marker in store.markers()]
    last = max(rounds, default=0)
    waiting = sum(1 for _ in store.labels_without_effect(last))
    console.print(
        Text(
            f"{shown} entries. "
            + (f"{waiting} labels wait for the next round that is paired." if waiting else "No label waits."),
            "dim",
        )
    )
