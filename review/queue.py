"""The queue as one reviewer sees it: a prompt and two answers, blind.

Blind means that nothing a reviewer gets tells which model wrote what, what the judge said, or why this comparison was
drawn: reviewers who see a verdict first follow it. Which answer stands on the left is drawn for each item and
reviewer, recorded with the label, and undone when the vote is written down.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from prompts.hashing import derive_seed
from prompts.prompt import Message
from review.errors import ReviewError, UnknownItem
from review.simulated import SIMULATED
from store.errors import NotFound
from store.records import Label, LabelValue, Lane, Purpose, ReviewItem
from store.run import RunStore

Choice = Literal["left_much_better", "left_better", "same", "right_better", "right_much_better", "both_bad"]

_LEFT_IS_FIRST: dict[Choice, LabelValue] = {
    "left_much_better": "much_better",
    "left_better": "better",
    "same": "same",
    "right_better": "worse",
    "right_much_better": "much_worse",
    "both_bad": "both_bad",
}
_MIRRORED: dict[LabelValue, LabelValue] = {
    "much_better": "much_worse",
    "better": "worse",
    "same": "same",
    "worse": "better",
    "much_worse": "much_better",
    "both_bad": "both_bad",
}


@dataclass(frozen=True)
class Question:
    """What a reviewer is shown, and no more."""

    item_id: str
    prompt: tuple[Message, ...]
    left: str
    right: str


@dataclass(frozen=True)
class LaneStatus:
    """How far one lane of one draw is. `drawn` = labelled + skipped + open."""

    round: int
    purpose: Purpose
    lane: Lane
    drawn: int
    labelled: int
    simulated: int
    """Of the labelled: those that only the simulated reviewer has answered."""
    skipped: int
    """Without a label, and passed over by someone."""
    open: int


def next_question(store: RunStore, reviewer: str) -> Question | None:
    """The first item that nobody has labelled and this reviewer has not skipped; None when there is none."""
    item = next(store.open_items(_named(reviewer)), None)
    return question(store, item.id, reviewer) if item else None


def question(store: RunStore, item_id: str, reviewer: str) -> Question:
    """What this reviewer sees of an item, the same every time. Raises UnknownItem."""
    item = _item(store, item_id)
    comparison = store.comparison(item.comparison_id)
    answers = comparison.first.text, comparison.second.text
    left, right = reversed(answers) if is_swapped(item, _named(reviewer)) else answers
    return Question(item.id, comparison.prompt.messages, left, right)


def is_swapped(item: ReviewItem, reviewer: str) -> bool:
    """Whether this reviewer sees the comparison's first sample on the right."""
    return derive_seed(item.seed, "sides", item.id, reviewer) % 2 == 1


def vote(store: RunStore, item_id: str, reviewer: str, choice: Choice) -> Label:
    """Record what this reviewer says of an item, in terms of the comparison's first sample.

    The same answer again changes nothing; another one is added as a revision, and the first stays. Raises UnknownItem,
    and ReviewError for a choice that is none.
    """
    item = _item(store, item_id)
    if choice not in get_args(Choice):
        raise ReviewError(f"{choice!r} is not an answer; the answers are {', '.join(get_args(Choice))}")
    swapped = is_swapped(item, _named(reviewer))
    value = _MIRRORED[_LEFT_IS_FIRST[choice]] if swapped else _LEFT_IS_FIRST[choice]
    before = [label for label in store.label_history(item.id) if label.reviewer == reviewer]
    latest = max(before, key=lambda label: label.revision, default=None)
    if latest is not None and latest.value == value:
        return latest
    label = Label(
        item_id=item.id,
        comparison_id=item.comparison_id,
        value=value,
        reviewer=reviewer,
        lane=item.lane,
        inclusion_probability=item.inclusion_probability,
        swapped=swapped,
        revision=latest.revision + 1 if latest else 0,
    )
    store.add_label(label)
    return label


def skip(store: RunStore, item_id: str, reviewer: str, reason: str = "") -> None:
    """Leave an item to others; it is not shown to this reviewer again. Raises UnknownItem."""
    store.skip(_item(store, item_id).id, _named(reviewer), reason)


def status(store: RunStore) -> Iterator[LaneStatus]:
    """Every lane of every draw of the run, oldest round first."""
    # A draw belongs to a round with finished stages, or to the one after.
    last = max((marker.round for marker in store.markers()), default=0) + 1
    for round in range(last + 1):
        items = list(store.review_items(round))
        reviewers: dict[str, set[str]] = {}
        for label in store.labels(round):
            reviewers.setdefault(label.item_id, set()).add(label.reviewer)
        still_open = {item.id for item in store.open_items(round=round)}
        for purpose, lane in dict.fromkeys((item.purpose, item.lane) for item in items):
            ids = [item.id for item in items if (item.purpose, item.lane) == (purpose, lane)]
            labelled = sum(item_id in reviewers for item_id in ids)
            unanswered = sum(item_id in still_open for item_id in ids)
            yield LaneStatus(
                round=round,
                purpose=purpose,
                lane=lane,
                drawn=len(ids),
                labelled=labelled,
                simulated=sum(reviewers.get(item_id) == {SIMULATED} for item_id in ids),
                skipped=len(ids) - labelled - unanswered,
                open=unanswered,
            )


def _item(store: RunStore, item_id: str) -> ReviewItem:
    try:
        return store.review_item(item_id)
    except NotFound as error:
        raise UnknownItem(
            f"run {store.name!r} has no review item {item_id!r}; `rlaif review next` shows one"
        ) from error


def _named(reviewer: str) -> str:
    """A person's name as reviewer. Raises ReviewError for none, and for the simulated reviewer's."""
    if not reviewer.strip() or reviewer == SIMULATED:
        raise ReviewError(f"{reviewer!r} cannot be a reviewer's name: give your own with --reviewer NAME")
    return reviewer
