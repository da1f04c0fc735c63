"""A question as one reviewer sees it: a prompt and two answers, blind.

Blind means that nothing a reviewer gets tells which model wrote what, what the judge said, or why this comparison was
drawn: reviewers who see a verdict first follow it. Which answer stands on the left is drawn for each item and
reviewer, recorded with the label, and undone when the answer is written down. Where a reviewer is asked again (the
repeat lane), the sides are exchanged.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal

from prompts.constitution import Constitution, parse_constitution
from prompts.hashing import derive_seed
from prompts.prompt import Message
from review.errors import ReviewError, UnknownItem
from review.simulated import SIMULATED
from store.errors import NotFound
from store.records import Comparison, LabelValue, Mark, ReviewItem
from store.run import RunStore

Choice = Literal["left_much_better", "left_better", "same", "right_better", "right_much_better", "both_bad"]
SideMark = Literal["left", "right", "same"]

_LEFT_IS_FIRST: dict[Choice, LabelValue] = {
    "left_much_better": "much_better",
    "left_better": "better",
    "same": "same",
    "right_better": "worse",
    "right_much_better": "much_worse",
    "both_bad": "both_bad",
}
_CHOICE: dict[LabelValue, Choice] = {value: choice for choice, value in _LEFT_IS_FIRST.items()}
_MIRRORED: dict[LabelValue, LabelValue] = {
    "much_better": "much_worse",
    "better": "worse",
    "same": "same",
    "worse": "better",
    "much_worse": "much_better",
    "both_bad": "both_bad",
    "withdrawn": "withdrawn",
}


@dataclass(frozen=True)
class Question:
    """What a reviewer is shown, and no more."""

    item_id: str
    prompt: tuple[Message, ...]
    left: str
    right: str
    principles: tuple[tuple[str, str], ...] = ()
    """Id and text of each principle the answers are compared by; none where the run keeps no text of them."""
    expires_at: datetime | None = None
    """Until when it is held for this reviewer; None where it is not held."""


def question(store: RunStore, item_id: str, reviewer: str, expires_at: datetime | None = None) -> Question:
    """What this reviewer sees of an item, the same every time. Raises UnknownItem."""
    found = item(store, item_id)
    comparison = store.comparison(found.comparison_id)
    left, right = sides(comparison, swapped=is_swapped(found, named(reviewer)))
    return Question(
        found.id, comparison.prompt.messages, left, right, principles_of(store, comparison), expires_at
    )


def sides(comparison: Comparison, *, swapped: bool) -> tuple[str, str]:
    """The left and the right answer."""
    first, second = comparison.first.text, comparison.second.text
    return (second, first) if swapped else (first, second)


def is_swapped(item: ReviewItem, reviewer: str) -> bool:
    """Whether this reviewer sees the comparison's first sample on the right."""
    asked_first = item.repeat_of or item.id
    swapped = derive_seed(item.seed, "sides", asked_first, reviewer) % 2 == 1
    return swapped if item.repeat_of is None else not swapped


def value_of(choice: Choice, *, swapped: bool) -> LabelValue:
    """What a choice between left and right says of the first sample."""
    value = _LEFT_IS_FIRST[choice]
    return _MIRRORED[value] if swapped else value


def choice_of(value: LabelValue, *, swapped: bool) -> Choice:
    """The choice between left and right that says this of the first sample; `value` is not withdrawn."""
    return _CHOICE[_MIRRORED[value] if swapped else value]


def mark_of(mark: SideMark, *, swapped: bool) -> Mark:
    """What a mark for a side says of the samples."""
    if mark == "same":
        return "same"
    return "first" if (mark == "left") != swapped else "second"


def principles_of(store: RunStore, comparison: Comparison) -> tuple[tuple[str, str], ...]:
    """Id and text of the principles that were put to the judge; none where the run keeps no text of them."""
    try:
        text = store.text(comparison.constitution)
    except NotFound:
        return ()
    return tuple((one.id, one.text) for one in _constitution(text).select(comparison.principles))


def item(store: RunStore, item_id: str) -> ReviewItem:
    """An item of the queue. Raises UnknownItem."""
    try:
        found = store.review_item(item_id)
    except NotFound as error:
        raise unknown(store, item_id) from error
    return asked(store, found)


def asked(store: RunStore, item: ReviewItem) -> ReviewItem:
    """The item, if people are asked about it. Raises UnknownItem for that of an override: a vote makes none."""
    if item.lane == "override":
        raise unknown(store, item.id)
    return item


def unknown(store: RunStore, item_id: str) -> UnknownItem:
    return UnknownItem(f"run {store.name!r} has no review item {item_id!r}; `rlaif review next` shows one")


def named(reviewer: str) -> str:
    """A person's name as reviewer. Raises ReviewError for none, and for the simulated reviewer's."""
    if not reviewer.strip() or reviewer == SIMULATED:
        raise ReviewError(f"{reviewer!r} cannot be a reviewer's name: give your own with --reviewer NAME")
    return reviewer


@lru_cache(maxsize=64)
def _constitution(text: str) -> Constitution:
    return parse_constitution(text, "the run's own copy")
