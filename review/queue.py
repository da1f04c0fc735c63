"""The queue: questions handed out on lease, answers written down, once each however often they are sent.

An answer may come without a lease or after it ran out (a page that was offline): it is kept. As long as its item still
waits for answers it counts for it; when others were quicker it is `late`, and stands beside theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from review.errors import KeyTaken, NothingToUndo, ReviewError
from review.questions import (
    Choice,
    Question,
    SideMark,
    asked,
    is_swapped,
    item,
    mark_of,
    named,
    principles_of,
    question,
    unknown,
    value_of,
)
from review.reveals import reveal_mode
from review.simulated import SIMULATED
from store.claims import COUNTED
from store.errors import NotFound
from store.queue_counts import LaneStatus
from store.records import Label, LabelSource, Mark, Reveal, ReviewItem
from store.run import RunStore

__all__ = [
    "COUNTED", "Choice", "Claimed", "LaneStatus", "Question", "SideMark", "SkipCause", "claim", "is_swapped",
    "question", "release", "skip", "status", "undo", "vote",
]  # fmt: skip

LEASE_S = 600.0
"""Seconds for which a question is held."""

SkipCause = Literal["cannot_tell", "not_my_field", "language", "too_long", "broken", "upsetting", "other"]
"""Why a reviewer passes over an item: nothing tells the answers apart, somebody else knows more of it, another
language, more than can be read, it does not show properly, it should not be looked at, or something else."""


@dataclass(frozen=True)
class Claimed:
    """What a reviewer holds now, and what is left beside it."""

    items: tuple[Question, ...]
    open: int
    """Further items that this reviewer could be given; counted up to `COUNTED`, and what is more is said as that."""
    held_by_others: int
    """Items that they could be given if others, who look at them now, gave them back. Where `items` is empty and
    this is not 0, the queue is not done yet."""


def claim(store: RunStore, reviewer: str, *, count: int = 1, lease_s: float = LEASE_S) -> Claimed:
    """Hold `count` questions for this reviewer: what they hold already, on a new lease, and further ones."""
    claims = store.claim_items(named(reviewer), count, lease_s)
    could, taken = store.open_count(reviewer)
    questions = tuple(question(store, held.item_id, reviewer, held.expires_at) for held in claims)
    further = could if could >= COUNTED else max(0, could - taken - len(questions))
    return Claimed(questions, further, taken)


def release(store: RunStore, reviewer: str, item_id: str) -> bool:
    """Give a question back to the queue; whether it was held. Raises UnknownItem."""
    return store.release_item(item(store, item_id).id, named(reviewer))


def vote(
    store: RunStore,
    item_id: str,
    reviewer: str,
    choice: Choice,
    *,
    marks: Mapping[str, SideMark] | None = None,
    reason: str = "",
    flagged: bool = False,
    seconds: float | None = None,
    key: str | None = None,
    reveal: Reveal | None = None,
) -> Label:
    """Record what this reviewer says of an item, in terms of the comparison's first sample.

    The same answer again changes nothing; another one is added as a revision, and the first stays. `marks` say which
    side is better under a principle, by its id. `key` names this answer for its sender: sent again under the same key,
    it is the label that is there, whatever it says. `reveal` is the run's own where it is None; with `at_once` the
    reviewer counts as shown the verdict from here on. A label is blind where they had not been shown it before, and
    could not have looked it up (see `review.blinding`).
    Raises UnknownItem, KeyTaken, and ReviewError for a choice or a mark that is none.
    """
    named(reviewer)
    if choice not in get_args(Choice):
        raise ReviewError(f"{choice!r} is not an answer; the answers are {', '.join(get_args(Choice))}")
    mode = reveal_mode(store) if reveal is None else reveal
    with store.database.together():
        found = _locked(store, item_id)
        if key is not None and (sent := store.label_of_key(reviewer, key)) is not None:
            if sent.item_id != found.id:
                raise KeyTaken(f"the key {key!r} names your answer on item {sent.item_id}; give each its own")
            return sent
        swapped = is_swapped(found, reviewer)
        own = [label for label in store.label_history(found.id) if label.reviewer == reviewer]
        latest = max(own, key=lambda label: label.revision, default=None)
        label = Label(
            item_id=found.id,
            comparison_id=found.comparison_id,
            value=value_of(choice, swapped=swapped),
            reviewer=reviewer,
            lane=found.lane,
            inclusion_probability=found.inclusion_probability,
            swapped=swapped,
            revision=latest.revision + 1 if latest else 0,
            blind=_is_blind(store, found, reviewer, latest),
            reveal=mode,
            source=_source(store, found, latest),
            marks=_marks(store, found, marks or {}, swapped=swapped),
            reason=reason,
            flagged=flagged,
            seconds=seconds,
            key=key,
        )
        if latest is not None and _says_the_same(latest, label):
            label = latest
        else:
            store.add_label(label)
            store.undo_skip(found.id, reviewer)
        store.release_item(found.id, reviewer)
        if mode == "at_once":
            store.add_reveals([found.comparison_id], reviewer, mode)
    return label


def skip(
    store: RunStore,
    item_id: str,
    reviewer: str,
    cause: SkipCause = "other",
    reason: str = "",
    key: str | None = None,
) -> None:
    """Leave an item to others; it is not shown to this reviewer again.

    Sent again under the same `key` it changes nothing, also when it was undone in between. Raises UnknownItem, and
    ReviewError for a cause that is none.
    """
    if cause not in get_args(SkipCause):
        raise ReviewError(f"{cause!r} is not a cause; the causes are {', '.join(get_args(SkipCause))}")
    with store.database.together():
        found = _locked(store, item_id)
        store.skip(found.id, named(reviewer), reason, cause, key)
        store.release_item(found.id, reviewer)


def undo(store: RunStore, reviewer: str, item_id: str | None = None, *, lease_s: float = LEASE_S) -> Question:
    """Take back this reviewer's latest answer or skip (or the one on `item_id`), and hold the item for them again.

    Raises NothingToUndo where there is none, and where its verdict was shown to them: what was said blind stays, and
    another opinion is another vote.
    """
    with store.database.together():
        label = store.latest_label(named(reviewer), item_id)
        skipped = store.latest_skip(reviewer, item_id)
        if skipped is not None and (label is None or skipped[1] >= label.created_at):
            store.undo_skip(skipped[0], reviewer)
            item_id = skipped[0]
        elif label is not None:
            if store.revealed(reviewer, [label.comparison_id]):
                raise NothingToUndo(
                    f"the verdict on item {label.item_id} was shown to {reviewer!r}: what was said before stays; "
                    "vote again to add another opinion"
                )
            item_id = label.item_id
            store.add_label(_withdrawn(label))
        else:
            where = f"on item {item_id}" if item_id else f"in run {store.name!r}"
            raise NothingToUndo(f"{reviewer!r} has no answer {where} that could be taken back")
        held = store.lease_item(item_id, reviewer, lease_s)
    return question(store, item_id, reviewer, held.expires_at)


def status(store: RunStore) -> list[LaneStatus]:
    """Every lane of every draw of the run, oldest round first."""
    return store.lane_status(SIMULATED)


def _withdrawn(label: Label) -> Label:
    kept = label.model_dump(include={"item_id", "comparison_id", "reviewer", "lane", "inclusion_probability"})
    return Label(
        **kept,
        value="withdrawn",
        swapped=label.swapped,
        revision=label.revision + 1,
        reveal=label.reveal,
        source=label.source,
    )


def _locked(store: RunStore, item_id: str) -> ReviewItem:
    try:
        found = store.locked_item(item_id)
    except NotFound as error:
        raise unknown(store, item_id) from error
    return asked(store, found)


def _source(store: RunStore, found: ReviewItem, latest: Label | None) -> LabelSource:
    """A revision counts as what it revises; a new answer counts while its item waits for any."""
    if latest is not None and latest.value != "withdrawn":
        return latest.source
    return "queue" if store.is_wanted(found.id) else "late"


def _is_blind(store: RunStore, found: ReviewItem, reviewer: str, latest: Label | None) -> bool:
    """Whether the verdict has been withheld from this reviewer to this moment."""
    if store.revealed(reviewer, [found.comparison_id]):
        return False
    answered = latest is not None and latest.source in ("queue", "late")
    return answered or store.is_wanted(found.id) or store.was_leased(found.id, reviewer)


def _marks(
    store: RunStore, found: ReviewItem, marks: Mapping[str, SideMark], *, swapped: bool
) -> dict[str, Mark]:
    if not marks:
        return {}
    known = {id for id, _ in principles_of(store, store.comparison(found.comparison_id))}
    for id, mark in marks.items():
        if id not in known:
            raise ReviewError(
                f"{id!r} is no principle of this question; they are {', '.join(sorted(known)) or 'none'}"
            )
        if mark not in get_args(SideMark):
            raise ReviewError(f"{mark!r} is not a mark; the marks are {', '.join(get_args(SideMark))}")
    return {id: mark_of(mark, swapped=swapped) for id, mark in marks.items()}


def _says_the_same(latest: Label, label: Label) -> bool:
    return all(
        getattr(latest, field) == getattr(label, field) for field in ("value", "marks", "reason", "flagged")
    )
