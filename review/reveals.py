"""What a reviewer is shown after they voted: the judge's verdict and what others said, beside their own answer.

A reviewer's votes in a run make batches in the order in which the items were first answered. A batch may be looked at
when it is full, and before that only when nothing is left to answer. What is shown is recorded first: from then on
their labels on those comparisons are not blind. An answer whose repeat is still to come is held back until then.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from prompts.prompt import Message
from review.errors import NotYetRevealed
from review.questions import Choice, choice_of, named, sides
from store.records import Comparison, Label, Reveal, Verdict
from store.run import RunStore

BATCH = 20
"""Votes in a batch where a run says nothing."""


@dataclass(frozen=True)
class Mine:
    """How far a reviewer is in a run. `batch` counts from 1 and is the one the next vote goes to."""

    votes: int
    batch: int
    in_batch: int
    batch_size: int


@dataclass(frozen=True)
class BatchState:
    """One batch of a reviewer's votes."""

    batch: int
    votes: int
    size: int
    revealable: bool
    revealed: bool
    """Whether all of it has been shown."""


@dataclass(frozen=True)
class ShownVerdict:
    """A verdict in terms of the sides as they were shown; probabilities are None where that order is missing."""

    verdict_id: str
    judge: str
    p_left: float | None
    p_left_shown_left: float | None
    """With the left answer presented to the judge first."""
    p_left_shown_right: float | None
    flipped: bool | None
    rationale: str
    unscored: str | None


@dataclass(frozen=True)
class OtherVote:
    """What somebody else said, in terms of the sides as this reviewer saw them."""

    reviewer: str
    choice: Choice
    reason: str
    created_at: datetime


@dataclass(frozen=True)
class RevealedVote:
    """One vote, what was shown for it, and what was said of it."""

    label: Label
    choice: Choice
    prompt: tuple[Message, ...]
    left: str
    right: str
    verdicts: tuple[ShownVerdict, ...]
    others: tuple[OtherVote, ...]

    @property
    def agrees(self) -> bool | None:
        """With the judge's mean; None where one of the two took no side."""
        scored = [shown.p_left for shown in self.verdicts if shown.p_left is not None]
        if not scored or self.choice in ("same", "both_bad"):
            return None
        mean = sum(scored) / len(scored)
        return None if mean == 0.5 else (mean > 0.5) == self.choice.startswith("left")


@dataclass(frozen=True)
class Batch:
    """A batch that has been shown."""

    batch: int
    votes: tuple[RevealedVote, ...]
    held_back: int
    """Votes of it that are shown later: their reviewer will be asked once more."""


def reveal_mode(store: RunStore) -> Reveal:
    """When this run shows verdicts to reviewers: its `spot_check.reveal`, `batch` where it says nothing."""
    said = store.record.config.get("spot_check", {}).get("reveal", "batch")
    return said if said in get_args(Reveal) else "batch"


def batch_size(store: RunStore) -> int:
    """Votes in a batch: the run's `spot_check.reveal_batch`."""
    return int(store.record.config.get("spot_check", {}).get("reveal_batch", BATCH))


def mine(store: RunStore, reviewer: str) -> Mine:
    """How far this reviewer is."""
    votes, size = store.vote_count(named(reviewer)), batch_size(store)
    return Mine(votes, votes // size + 1, votes % size, size)


def batches(store: RunStore, reviewer: str) -> list[BatchState]:
    """This reviewer's batches, first to last."""
    size, mode = batch_size(store), reveal_mode(store)
    counts = store.vote_batches(named(reviewer), size)
    done = bool(counts) and counts[-1][0] < size and mode == "batch" and _nothing_left(store, reviewer)
    return [
        BatchState(
            batch=number,
            votes=votes,
            size=size,
            revealable=mode == "at_once" or (mode == "batch" and (votes == size or done)),
            revealed=shown == votes,
        )
        for number, (votes, shown) in enumerate(counts, start=1)
    ]


def reveal(store: RunStore, reviewer: str, batch: int) -> Batch:
    """Record that this reviewer is shown a batch (from 1), and show it. Raises NotYetRevealed."""
    size, mode = batch_size(store), reveal_mode(store)
    votes = store.votes(named(reviewer), (batch - 1) * size, size) if batch >= 1 else []
    if mode == "never":
        raise NotYetRevealed(
            f"run {store.name!r} shows no verdicts to its reviewers (spot_check.reveal: never)"
        )
    if not votes:
        raise NotYetRevealed(f"{reviewer!r} has no votes in batch {batch} of run {store.name!r}")
    if mode == "batch" and len(votes) < size and not _nothing_left(store, reviewer):
        raise NotYetRevealed(f"batch {batch} has {len(votes)} of {size} votes; it is shown when it is full")
    waiting = store.repeats_waiting(reviewer, [label.comparison_id for label in votes])
    shown = [label for label in votes if label.comparison_id not in waiting]
    store.add_reveals([label.comparison_id for label in shown], reviewer, mode)
    return Batch(batch, revealed_votes(store, shown), len(votes) - len(shown))


def revealed_votes(store: RunStore, labels: Sequence[Label]) -> tuple[RevealedVote, ...]:
    """Votes with all that was said of their comparisons. Whoever asks has recorded the reveals."""
    ids = [label.comparison_id for label in labels]
    comparisons = store.comparisons_of(ids)
    verdicts: dict[str, list[Verdict]] = {id: [] for id in ids}
    for verdict in store.verdicts_on(*ids):
        verdicts[verdict.comparison_id].append(verdict)
    said: dict[str, list[Label]] = {id: [] for id in ids}
    for label in store.labels_on(*ids):
        said[label.comparison_id].append(label)
    return tuple(
        _revealed(label, comparisons[id], verdicts[id], said[id])
        for id, label in zip(ids, labels, strict=True)
    )


def unblind(store: RunStore, comparison: Comparison, reviewer: str) -> None:
    """Record that a lead asked to see the verdicts on one comparison."""
    store.add_reveals([comparison.id], named(reviewer), "lead")


def _revealed(
    label: Label, comparison: Comparison, verdicts: Iterable[Verdict], said: Iterable[Label]
) -> RevealedVote:
    left, right = sides(comparison, swapped=label.swapped)
    others = tuple(
        OtherVote(
            other.reviewer, choice_of(other.value, swapped=label.swapped), other.reason, other.created_at
        )
        for other in said
        if other.reviewer != label.reviewer
    )
    shown = tuple(_shown(verdict, swapped=label.swapped) for verdict in verdicts)
    choice = choice_of(label.value, swapped=label.swapped)
    return RevealedVote(label, choice, comparison.prompt.messages, left, right, shown, others)


def _nothing_left(store: RunStore, reviewer: str) -> bool:
    return not store.any_open(reviewer)


def _shown(verdict: Verdict, *, swapped: bool) -> ShownVerdict:
    left = verdict.p_first, verdict.p_first_shown_first, verdict.p_first_shown_second
    if swapped:
        left = _other(left[0]), _other(left[2]), _other(left[1])
    return ShownVerdict(
        verdict.id, verdict.judge, *left, verdict.flipped, verdict.rationale, verdict.unscored
    )


def _other(p: float | None) -> float | None:
    return None if p is None else 1.0 - p
