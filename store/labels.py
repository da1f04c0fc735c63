"""The review queue and what people answered. Labels are never changed: a revision appends."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from store import tables
from store.errors import BadUnit, NotFound
from store.records import Label, Lane, Purpose, ReviewItem
from store.scope import RunScope, chunks, columns_of

_ITEMS, _LABELS, _SKIPS = tables.review_items, tables.labels, tables.skips
_ITEM_ORDER = tuple(_ITEMS.c[name] for name in ("round", "purpose", "lane", "position", "id"))


class Labels(RunScope):
    """The part of a run's store that holds review items, labels and skips."""

    def add_review_items(self, items: Iterable[ReviewItem]) -> int:
        """Add drawn items; how many were new. Raises `BadUnit` where a comparison is not stored."""
        added = 0
        for chunk in chunks(items):
            with self.database.write() as connection:
                rows = [{**item.model_dump(), "wanted": item.overlap} for item in chunk]
                added += self._add(connection, _ITEMS, rows)
        return added

    def review_items(
        self, round: int, purpose: Purpose | None = None, lane: Lane | None = None
    ) -> Iterator[ReviewItem]:
        """The items of a round by purpose, lane (random first) and the position of the draw."""
        return self._records(ReviewItem, self._items(round, purpose, lane), _ITEM_ORDER)

    def review_item(self, id: str) -> ReviewItem:
        """Raises `NotFound`."""
        return self._one(ReviewItem, _ITEMS, id)

    def open_items(
        self, reviewer: str | None = None, *, round: int | None = None, purpose: Purpose | None = None
    ) -> Iterator[ReviewItem]:
        """Items that nobody has labelled, less those that this reviewer (or, with None, anyone) skipped.

        Older rounds first, then in the order of `review_items`.
        """
        labelled = sa.exists().where(_LABELS.c.run == self.name, _LABELS.c.item_id == _ITEMS.c.id)
        skipped = sa.exists().where(_SKIPS.c.run == self.name, _SKIPS.c.item_id == _ITEMS.c.id)
        if reviewer is not None:
            skipped = skipped.where(_SKIPS.c.reviewer == reviewer)
        query = self._items(round, purpose).where(~labelled, ~skipped)
        return self._records(ReviewItem, query, _ITEM_ORDER)

    def skip(self, item_id: str, reviewer: str, reason: str) -> None:
        """Record that a reviewer passed over an item. Raises `BadUnit` for an unknown item."""
        row = {"item_id": item_id, "reviewer": reviewer, "reason": reason, "created_at": datetime.now(UTC)}
        with self.database.write() as connection:
            self._add(connection, _SKIPS, [row])

    def add_label(self, label: Label) -> bool:
        """Add a label; False where this very label is stored already.

        Raises `BadUnit` for an unknown item, a comparison that is not the item's, or a revision number that this
        reviewer has used on this item for another answer.
        """
        with self.database.write() as connection:
            self._lock(connection)
            query = sa.select(_ITEMS.c.comparison_id)
            query = query.where(_ITEMS.c.run == self.name, _ITEMS.c.id == label.item_id)
            comparison = connection.scalar(query)
            if comparison is None:
                raise NotFound(f"run {self.name!r} has no review item {label.item_id!r}.")
            if comparison != label.comparison_id:
                raise BadUnit(f"item {label.item_id} is on {comparison}, the label on {label.comparison_id}.")
            taken = sa.select(_LABELS.c.id).where(
                _LABELS.c.run == self.name,
                _LABELS.c.item_id == label.item_id,
                _LABELS.c.reviewer == label.reviewer,
                _LABELS.c.revision == label.revision,
            )
            if connection.scalar(taken) not in (None, label.id):
                raise BadUnit(
                    f"{label.reviewer!r} has given revision {label.revision} on item {label.item_id} already, "
                    f"with another answer. Labels are immutable: add revision {label.revision + 1}."
                )
            return self._add(connection, _LABELS, [label.model_dump()]) == 1

    def labels(self, round: int, purpose: Purpose | None = None, *, blind: bool = False) -> Iterator[Label]:
        """Each reviewer's latest label on each item of the round, in the order of `review_items`.

        `blind` asks for the latest of those given before a verdict was shown: what an estimate may use. Where the
        latest is withdrawn there is none.
        """
        later = _LABELS.alias("later")
        newer = sa.exists().where(
            later.c.run == self.name,
            later.c.item_id == _LABELS.c.item_id,
            later.c.reviewer == _LABELS.c.reviewer,
            later.c.revision > _LABELS.c.revision,
        )
        if blind:
            newer = newer.where(later.c.blind)
        query = sa.select(*columns_of(Label, _LABELS))
        query = query.join(_ITEMS, (_ITEMS.c.run == _LABELS.c.run) & (_ITEMS.c.id == _LABELS.c.item_id))
        query = query.where(_LABELS.c.run == self.name, _ITEMS.c.round == round, ~newer)
        query = query.where(_LABELS.c.value != "withdrawn")
        if blind:
            query = query.where(_LABELS.c.blind)
        if purpose is not None:
            query = query.where(_ITEMS.c.purpose == purpose)
        return self._records(Label, query, (*_ITEM_ORDER, _LABELS.c.id))

    def label(self, id: str) -> Label:
        """Raises `NotFound`."""
        return self._one(Label, _LABELS, id)

    def label_history(self, item_id: str) -> list[Label]:
        """Every label on an item, revisions included, oldest first."""
        query = sa.select(*columns_of(Label, _LABELS))
        query = query.where(_LABELS.c.run == self.name, _LABELS.c.item_id == item_id)
        return self._all(Label, query.order_by(_LABELS.c.created_at, _LABELS.c.revision, _LABELS.c.id))

    def _items(self, round: int | None, purpose: Purpose | None, lane: Lane | None = None) -> sa.Select[Any]:
        query = sa.select(*columns_of(ReviewItem, _ITEMS)).where(_ITEMS.c.run == self.name)
        for column, value in ((_ITEMS.c.round, round), (_ITEMS.c.purpose, purpose), (_ITEMS.c.lane, lane)):
            if value is not None:
                query = query.where(column == value)
        return query
