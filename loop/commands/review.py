"""`rlaif review`: the queue of comparisons for people, in the terminal."""

import getpass
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from loop.commands.opening import open_store, selected_runs
from review.estimates.audit import audit
from review.estimates.sentence import audit_sentence
from review.queue import LaneStatus, status
from review.terminal import left, show_status
from review.terminal import review_next as ask
from review.visible import visible
from store.records import Decision
from store.run import RunStore
from store.store import Store


def review_next(
    run: str | None, reviewer: str | None, url: str | None, output: Path, *, everything: bool
) -> None:
    """Ask for the next label, or for all of them; without `run` in the newest run where something waits."""
    name = reviewer or getpass.getuser()
    console = Console()
    with open_store(url, output) as store:
        chosen = _waiting(store, run, name)
        if run is None:
            console.print(Text(f"run {visible(chosen.name)}, reviewer {visible(name)}", style="dim"))
        labelled = ask(chosen, name, console, sys.stdin, None if everything else 1)
        waiting = left(chosen, name)
    console.print(Text(f"{labelled} labelled, {waiting} waiting", style="dim"))


def review_status(run: str | None, url: str | None, output: Path) -> None:
    """How far each draw is, of one run or of all, and what finished audits say of the judge."""
    console = Console()
    with open_store(url, output) as store:
        for chosen in selected_runs(store, run):
            console.print(Text(f"run {visible(chosen.name)}", style="bold"))
            lanes = list(status(chosen))
            show_status(lanes, console)
            decisions = {one.round: one for one in chosen.decisions() if one.kind != "rollback"}
            for lane in lanes:
                if (lane.purpose, lane.lane) == ("train", "random"):
                    console.print(Text(_said(chosen, lane, decisions.get(lane.round))))


def _said(store: RunStore, lane: LaneStatus, decision: Decision | None) -> str:
    """What the audit says; a figure that followed each label would tell its reviewer what the judge had said."""
    if lane.open and lane.labelled:
        answered = f"{lane.labelled} of {lane.drawn} are answered"
        return f"Round {lane.round}: {answered}; what they say of the judge is told when all are."
    kind = decision.kind if decision is not None else None
    return audit_sentence(audit(store, lane.round), None if kind == "rollback" else kind)


def _waiting(store: Store, run: str | None, reviewer: str) -> RunStore:
    runs = selected_runs(store, run)
    return next((found for found in runs if found.any_open(reviewer)), runs[0])
