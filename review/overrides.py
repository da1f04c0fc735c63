"""Corrections: what a lead says of a comparison in the place of judge and queue.

An override stands alone where there is one (see `judge.ranks.standing`), and enters no estimate: it was not drawn. It
has an item of its own, in the `override` lane, so that a blind answer of the same person on the same comparison stays
what it was.
"""

from typing import get_args

from review.errors import ReviewError, UnknownItem
from review.questions import named
from store.errors import NotFound
from store.records import Label, LabelValue, ReviewItem
from store.run import RunStore


def override(store: RunStore, comparison_id: str, reviewer: str, value: LabelValue, reason: str) -> Label:
    """Record that `value` is what holds of the comparison's first sample; `withdrawn` takes the override back.

    The same correction again changes nothing; another one is a revision. Raises UnknownItem for a comparison that
    is not in this run, and ReviewError for a value that is none or an override that is not there to withdraw.
    """
    named(reviewer)
    if value not in get_args(LabelValue):
        raise ReviewError(f"{value!r} is not a label; the labels are {', '.join(get_args(LabelValue))}")
    try:
        comparison = store.comparison(comparison_id)
    except NotFound as error:
        raise UnknownItem(f"run {store.name!r} has no comparison {comparison_id!r}") from error
    item = ReviewItem(
        comparison_id=comparison.id,
        round=comparison.round,
        purpose=comparison.purpose,
        lane="override",
        inclusion_probability=1.0,
        seed=store.record.seed,
        position=0,
    )
    with store.database.together():
        store.add_review_items([item])
        store.locked_item(item.id)
        own = [label for label in store.label_history(item.id) if label.reviewer == reviewer]
        latest = max(own, key=lambda label: label.revision, default=None)
        if value == "withdrawn" and (latest is None or latest.value == "withdrawn"):
            raise ReviewError(f"{reviewer!r} has no override on {comparison.id} to take back")
        if latest is not None and (latest.value, latest.reason) == (value, reason):
            return latest
        label = Label(
            item_id=item.id,
            comparison_id=comparison.id,
            value=value,
            reviewer=reviewer,
            lane="override",
            inclusion_probability=1.0,
            revision=latest.revision + 1 if latest else 0,
            blind=not store.revealed(reviewer, [comparison.id]),
            source="override",
            reason=reason,
        )
        store.add_label(label)
    return label
