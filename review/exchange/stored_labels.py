"""Labels in our own formats: they are what they say, where the store does not know better."""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from review.exchange.intake import Intake, Reviewers, comparison_of, override_item, person, portable
from review.exchange.reading import Wrong
from store import tables
from store.records import Label, ReviewItem


def stored_labels(intake: Intake, rows: Sequence[tuple[str, Label]]) -> Iterator[tuple[str, Label]]:
    """Those that are not stored yet, each person's revisions of an item in order."""
    if rows and intake.reviewers != Reviewers():
        intake.refuse(rows[0][0], "labels bear their reviewers; leave --reviewer out")
    in_order = sorted(rows, key=lambda row: (row[1].item_id, row[1].reviewer, row[1].revision))
    items = intake.store.locked_items(label.item_id for _, label in rows)
    histories = intake.store.label_histories(items)
    for place, label in in_order:
        try:
            history = histories.get(label.item_id, [])
            if _is_stored(label, history):
                intake.taken.present += 1
            else:
                _check(intake, label, items[label.item_id].item if label.item_id in items else None)
                yield place, label
        except Wrong as wrong:
            intake.refuse(place, wrong)


def _is_stored(label: Label, history: Sequence[Label]) -> bool:
    """Raises Wrong where the store has another label in its place."""
    for known in history:
        if (known.reviewer, known.revision) == (label.reviewer, label.revision):
            ours, theirs = known.model_dump(), label.model_dump()
            ours["reason"], theirs["reason"] = portable(known.reason), portable(label.reason)
            if differing := [name for name in ours if ours[name] != theirs[name]]:
                raise Wrong(f"label {known.id} is stored already, with another {', '.join(differing)}")
            return True
    return False


def _check(intake: Intake, label: Label, item: ReviewItem | None) -> None:
    """That a label is one on an item of this run, drawn as the label says. Raises Wrong."""
    person(label.reviewer)
    if item is None:
        if label.lane != "override":
            raise Wrong(
                f"run {intake.store.name!r} has no item {label.item_id}; labels go back to the run they are of"
            )
        item = override_item(intake, comparison_of(intake, label.comparison_id))
    for name in ("comparison_id", "lane", "inclusion_probability"):
        if getattr(item, name) != getattr(label, name):
            raise Wrong(
                f"{name} is {getattr(label, name)!r}, and of item {item.id} it is {getattr(item, name)!r}"
            )
    if item.id != label.item_id:
        raise Wrong(f"item_id is not that of an override on {label.comparison_id}")
    if label.blind and _was_shown(intake, label):
        raise Wrong(
            f"blind is true, and {label.reviewer!r} was shown the verdict before this label was given"
        )


def _was_shown(intake: Intake, label: Label) -> bool:
    reveals = tables.reveals
    query = sa.select(reveals.c.created_at).where(
        reveals.c.run == intake.store.name,
        reveals.c.comparison_id == label.comparison_id,
        reveals.c.reviewer == label.reviewer,
    )
    with intake.store.database.read() as connection:
        shown_at = connection.scalar(query)
    return shown_at is not None and shown_at <= label.created_at
