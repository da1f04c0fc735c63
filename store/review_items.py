"""What was drawn for people to look at, and how many answers each item still waits for.

`review_items.wanted` is a copy: the item's overlap less the reviewers whose answer counts. It is written in the
transaction that adds a label, under a lock on the item, so that open items are found from an index however long the
queue has grown.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store import tables
from store.errors import NotFound
from store.records import Lane, Purpose, ReviewItem
from store.scope import RunScope, chunks, columns_of

ITEMS = tables.review_items
QUEUE_ORDER = tuple(ITEMS.c[name] for name in ("round", "purpose", "position", "id"))
"""Lanes side by side: where an item stands tells nothing of why it was drawn."""
WANTED = ITEMS.c.wanted > sa.literal_column("0")
"""Spelt out, not bound: the index of open items holds these rows, and a database sees that only in the plain words."""


class ReviewItems(RunScope):
    """The part of a run's store that holds the draws."""

    def add_review_items(self, items: Iterable[ReviewItem]) -> int:
        """Add drawn items; how many were new. Raises `BadUnit` where a comparison is not stored."""
        added = 0
        for chunk in chunks(items):
            with self.database.write() as connection:
                rows = [
                    {**item.model_dump(), "wanted": 0 if item.lane == "override" else item.overlap}
                    for item in chunk
                ]
                added += self._add(connection, ITEMS, rows)
        return added

    def review_items(
        self, round: int, purpose: Purpose | None = None, lane: Lane | None = None
    ) -> Iterator[ReviewItem]:
        """The items of a round by purpose and the position of the draw, lanes side by side."""
        return self._records(ReviewItem, self._items(round, purpose, lane), QUEUE_ORDER)

    def review_item(self, id: str) -> ReviewItem:
        """Raises `NotFound`."""
        return self._one(ReviewItem, ITEMS, id)

    def items_on(self, comparison_id: str) -> list[ReviewItem]:
        """The items of a comparison, in whichever lanes."""
        query = self._items(None, None).where(ITEMS.c.comparison_id == comparison_id)
        return self._all(ReviewItem, query.order_by(*QUEUE_ORDER))

    def open_items(
        self, reviewer: str | None = None, *, round: int | None = None, purpose: Purpose | None = None
    ) -> Iterator[ReviewItem]:
        """Items that still wait for an answer, in the order of the queue, whoever looks at them now.

        With a reviewer, less those that they answered or skipped; without, less those that anyone skipped.
        """
        query = self._items(round, purpose).where(WANTED)
        skips = tables.skips
        skipped = (skips.c.run == self.name) & (skips.c.item_id == ITEMS.c.id) & skips.c.undone_at.is_(None)
        if reviewer is None:
            query = query.where(~sa.exists().where(skipped))
        else:
            query = query.where(*self._not_done_by(reviewer))
        return self._records(ReviewItem, query, QUEUE_ORDER)

    def is_wanted(self, id: str) -> bool:
        """Whether an item still waits for an answer."""
        query = sa.select(ITEMS.c.wanted).where(ITEMS.c.run == self.name, ITEMS.c.id == id)
        with self.database.read() as connection:
            return (connection.scalar(query) or 0) > 0

    def locked_item(self, id: str) -> ReviewItem:
        """An item, kept as it is until the transaction around this (`Database.together`) ends. Raises `NotFound`."""
        with self.database.write() as connection:
            return self._locked(connection, id)

    def _locked(self, connection: Connection, id: str) -> ReviewItem:
        query = self._items(None, None).where(ITEMS.c.id == id).with_for_update()
        row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound(f"run {self.name!r} has no review item {id!r}.")
        return ReviewItem(**row._mapping)

    def _items(self, round: int | None, purpose: Purpose | None, lane: Lane | None = None) -> sa.Select[Any]:
        query = sa.select(*columns_of(ReviewItem, ITEMS)).where(ITEMS.c.run == self.name)
        for column, value in ((ITEMS.c.round, round), (ITEMS.c.purpose, purpose), (ITEMS.c.lane, lane)):
            if value is not None:
                query = query.where(column == value)
        return query

    def _not_done_by(self, reviewer: str) -> list[sa.ColumnElement[bool]]:
        """What holds of an item that this reviewer has neither answered nor skipped."""
        labels, skips = tables.labels, tables.skips
        later = labels.alias("later")
        newer = sa.exists().where(
            later.c.run == self.name,
            later.c.item_id == labels.c.item_id,
            later.c.reviewer == reviewer,
            later.c.revision > labels.c.revision,
        )
        answered = sa.exists().where(
            labels.c.run == self.name,
            labels.c.item_id == ITEMS.c.id,
            labels.c.reviewer == reviewer,
            labels.c.value != "withdrawn",
            ~newer,
        )
        skipped = sa.exists().where(
            skips.c.run == self.name,
            skips.c.item_id == ITEMS.c.id,
            skips.c.reviewer == reviewer,
            skips.c.undone_at.is_(None),
        )
        return [~answered, ~skipped]
