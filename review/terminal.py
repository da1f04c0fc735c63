"""The review queue in a terminal: one comparison at a time, a line for each.

A line is an answer, and may go on with marks and a reason: `2 ql wr # dates are wrong` says that the left answer is
better, under the first principle too, while the right one is under the second. Reads lines, so that it works with a
keyboard and with a pipe alike. What models and files wrote is shown as text that cannot act on the terminal
(`review.visible`) and is never read as markup.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TextIO, get_args

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from review.errors import NothingToUndo
from review.queue import (
    COUNTED,
    Choice,
    LaneStatus,
    Question,
    SideMark,
    SkipCause,
    claim,
    release,
    skip,
    undo,
    vote,
)
from review.reveals import RevealedVote, reveal_mode, revealed_votes
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
PRINCIPLES = "qwertyuiop"
"""A key for each principle, as many as there are keys."""
SIDES: dict[str, SideMark] = {"l": "left", "r": "right", "s": "same"}
CAUSES: tuple[SkipCause, ...] = get_args(SkipCause)
HELP = (
    "1 left much better   2 left better   3 same   4 right better   5 right much better   0 both bad   "
    "s skip   u undo   q quit   ? more"
)
MORE = (
    "After an answer: marks (a principle's key and l, r or s: 2 ql ws) and a reason (2 # the dates are wrong).\n"
    f"After s: why, one of {', '.join(CAUSES)}; and a reason (s language # Welsh)."
)
_SIDE_BY_SIDE = 80
"""Columns of a terminal from which on the answers stand side by side."""


@dataclass(frozen=True)
class Line:
    """What a reviewer said in one line; `choice` is there where it is a vote."""

    what: Literal["vote", "skip", "undo", "quit"]
    choice: Choice = "same"
    cause: SkipCause = "other"
    marks: tuple[tuple[str, SideMark], ...] = ()
    reason: str = ""


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
        begun = time.monotonic()
        line = _line(asked, console, keys)
        if line.what == "quit":
            release(store, reviewer, asked.item_id)
            break
        if line.what == "undo":
            asked = _undone(store, reviewer, asked, console)
            continue
        if line.what == "skip":
            skip(store, asked.item_id, reviewer, line.cause, line.reason)
        else:
            _vote(store, asked, reviewer, line, time.monotonic() - begun, console)
            labelled += 1
        asked = None
        shown += 1
    return labelled


def _vote(
    store: RunStore, asked: Question, reviewer: str, line: Line, seconds: float, console: Console
) -> None:
    label = vote(
        store,
        asked.item_id,
        reviewer,
        line.choice,
        marks=dict(line.marks),
        reason=line.reason,
        seconds=seconds,
    )
    if reveal_mode(store) == "at_once":
        _show_verdicts(revealed_votes(store, [label])[0], console)


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
    """Print the prompt, its two answers, and the principles with their keys."""
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
    else:
        grid = Table.grid(expand=True)
        grid.add_column(ratio=1)
        grid.add_column(ratio=1)
        grid.add_row(*panels)
        console.print(grid)
    for key, (id, text) in zip(PRINCIPLES, asked.principles, strict=False):
        console.print(Text(f"{key} {visible(id)}: {visible(text)}", style="dim"))


def _show_verdicts(revealed: RevealedVote, console: Console) -> None:
    """What the judge said, where the run tells at once."""
    for shown in revealed.verdicts:
        if shown.p_left is None:
            said = f"gave no probability: {shown.unscored}"
        else:
            said = f"gave the left one {shown.p_left:.2f}"
        console.print(Text(visible(f"{shown.judge} {said}. {shown.rationale}".strip())))


def show_status(lanes: list[LaneStatus], console: Console) -> None:
    """Print how far each lane of each draw is."""
    table = Table("round", "for", "lane", "drawn", "open", "held", "labelled", "done", "skipped")
    for lane in lanes:
        labelled = f"{lane.labelled} ({lane.simulated} {SIMULATED})" if lane.simulated else str(lane.labelled)
        counts = (lane.drawn, lane.open, lane.held, labelled, lane.done, lane.skipped)
        table.add_row(
            str(lane.round), "pairs" if lane.purpose == "train" else "gate", lane.lane, *map(str, counts)
        )
    console.print(table if lanes else Text("Nothing has been drawn for review yet."))


def left(store: RunStore, reviewer: str) -> str:
    """How many items this reviewer could still answer, in words."""
    count, _ = store.open_count(reviewer)
    return f"{count} or more" if count >= COUNTED else str(count)


def _line(asked: Question, console: Console, keys: TextIO) -> Line:
    """The next line that says something; to quit where the input ends."""
    console.print(Text(HELP, style="dim"))
    while line := keys.readline():
        said, _, reason = line.partition("#")
        words = said.lower().split()
        if not words:
            continue
        if words == ["?"]:
            console.print(Text(MORE))
            continue
        try:
            return _read(words, reason.strip(), asked)
        except ValueError as error:
            console.print(Text(f"{visible(str(error))}: {HELP}"))
    return Line("quit")


def _read(words: list[str], reason: str, asked: Question) -> Line:
    """Raises ValueError, saying which word is not understood."""
    key, *rest = words
    if key in ("q", "u") and not rest:
        return Line("quit" if key == "q" else "undo")
    if key == "s" and len(rest) <= 1:
        cause = next((cause for cause in CAUSES if rest == [cause]), None)
        if rest and cause is None:
            raise ValueError(f"{rest[0][:20]!r} is not a cause ({', '.join(CAUSES)})")
        return Line("skip", cause=cause or "other", reason=reason)
    if key not in KEYS:
        raise ValueError(f"{key[:20]!r} is not one of the keys")
    return Line("vote", KEYS[key], marks=tuple(_marks(rest, asked)), reason=reason)


def _marks(words: list[str], asked: Question) -> Iterator[tuple[str, SideMark]]:
    ids = dict(zip(PRINCIPLES, (id for id, _ in asked.principles), strict=False))
    for word in words:
        if len(word) != 2 or word[0] not in ids or word[1] not in SIDES:
            raise ValueError(
                f"{word[:20]!r} is not a mark ({', '.join(ids) or 'no principles'} with l, r or s)"
            )
        yield ids[word[0]], SIDES[word[1]]
