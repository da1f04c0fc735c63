"""The review queue in a terminal: one comparison at a time, a key and Enter for each.

Reads lines, so that it works with a keyboard and with a pipe alike. What models and files wrote is shown as text that
cannot act on the terminal (`review.visible`) and is never read as markup.
"""

from typing import TextIO

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from review.errors import NothingToUndo
from review.queue import Choice, LaneStatus, Question, claim, release, skip, undo, vote
from review.simulated import SIMULATED
from review.visible import visible
from store.run import RunStore

KEYS: dict[str, Choice] = {
    "1": "left_much_better",
    "2": "left_better",
    "3": "same",
    "4": "right_better",
    "5": "right_much_better",
    "0": "both_bad",
}
HELP = (
    "1 left much better   2 left better   3 same   4 right better   5 right much better   0 both bad   "
    "s skip   u undo   q quit"
)
_SIDE_BY_SIDE = 80
"""Columns of a terminal from which on the answers stand side by side."""


def review_next(store: RunStore, reviewer: str, console: Console, keys: TextIO, limit: int | None = 1) -> int:
    """Show open items until `limit` were answered (None: all), the reviewer quits or the input ends.

    Returns how many were labelled; a skip counts towards the limit, and not among them.
    """
    labelled = shown = 0
    asked: Question | None = None
    while limit is None or shown < limit:
        asked = asked or _next(store, reviewer, console)
        if asked is None:
            break
        show(asked, console)
        key = _key(console, keys)
        if key is None:
            release(store, reviewer, asked.item_id)
            break
        if key == "u":
            asked = _undone(store, reviewer, asked, console)
            continue
        if key == "s":
            skip(store, asked.item_id, reviewer)
        else:
            vote(store, asked.item_id, reviewer, KEYS[key])
            labelled += 1
        asked = None
        shown += 1
    return labelled


def _next(store: RunStore, reviewer: str, console: Console) -> Question | None:
    claimed = claim(store, reviewer)
    if claimed.items:
        return claimed.items[0]
    if claimed.held_by_others:
        said = f"Others are looking at what is left ({claimed.held_by_others}); try again in some minutes."
    else:
        said = "Nothing is waiting for a label."
    console.print(said, highlight=False)
    return None


def _undone(store: RunStore, reviewer: str, asked: Question, console: Console) -> Question:
    """The question whose answer was taken back, or the same one again where there is nothing to take back."""
    try:
        return undo(store, reviewer)
    except NothingToUndo as error:
        console.print(Text(visible(str(error))))
        return asked


def show(asked: Question, console: Console) -> None:
    """Print the prompt and its two answers."""
    turns = Text("\n\n").join(
        Text(visible(turn.content))
        if len(asked.prompt) == 1
        else Text(f"{turn.role}: {visible(turn.content)}")
        for turn in asked.prompt
    )
    console.print(Panel(turns, title="prompt", title_align="left"))
    panels = [
        Panel(Text(visible(answer)) if answer.strip() else Text("(empty)", style="dim"), title=side)
        for side, answer in (("left", asked.left), ("right", asked.right))
    ]
    if console.width < _SIDE_BY_SIDE:
        console.print(*panels, sep="\n")
        return
    grid = Table.grid(expand=True)
    grid.add_column(ratio=1)
    grid.add_column(ratio=1)
    grid.add_row(*panels)
    console.print(grid)


def show_status(lanes: list[LaneStatus], console: Console) -> None:
    """Print how far each lane of each draw is."""
    table = Table("round", "for", "lane", "drawn", "labelled", "skipped", "open")
    for lane in lanes:
        labelled = f"{lane.labelled} ({lane.simulated} {SIMULATED})" if lane.simulated else str(lane.labelled)
        counts = (str(lane.drawn), labelled, str(lane.skipped), str(lane.open))
        table.add_row(str(lane.round), "pairs" if lane.purpose == "train" else "gate", lane.lane, *counts)
    console.print(table if lanes else Text("Nothing has been drawn for review yet."))


def _key(console: Console, keys: TextIO) -> str | None:
    """The next valid key; None to quit, and where the input ends."""
    console.print(Text(HELP, style="dim"))
    while line := keys.readline():
        key = line.strip().lower()
        if key == "q":
            return None
        if key in ("s", "u") or key in KEYS:
            return key
        if key:
            console.print(Text(f"{visible(key)[:20]!r} is not one of the keys: {HELP}"))
    return None
