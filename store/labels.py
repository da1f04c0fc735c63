"""What people answered. Labels are never changed: a revision appends, and taking one back appends too."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store import tables
from store.errors import BadUnit
from store.records import Label, Purpose, ReviewItem
from store.review_items import QUEUE_ORDER, ReviewItems
from store.scope import columns_of

_ITEMS, _LABELS, _SKIPS, _REVEALS = tables.review_items, tables.labels, tables.skips, tables.reveals
_OPENING = _LABELS.c.revision == sa.literal_column("0")
_WITHDRAWN = _LABELS.c.value == sa.literal_column("'withdrawn'")
"""Spelt out, as in `review_items.WANTED`: these are the conditions of two indexes."""


class Labels(ReviewItems):
    """The part of a run's store that holds labels and skips."""

    def add_label(self, label: Label) -> bool:
        """Add a label and count it for its item; False where this very label is stored already.

        Raises `NotFound` for an unknown item, `BadUnit` for a comparison that is not the item's, a revision number that
        this reviewer has used on this item for another answer, or a key that they have used for another label.
        """
        with self.database.write() as connection:
            item = self._locked(connection, label.item_id)
            if item.comparison_id != label.comparison_id:
                raise BadUnit(
                    f"item {item.id} is on {item.comparison_id}, the label on {label.comparison_id}."
                )
            own = sa.select(_LABELS.c.id).where(
                _LABELS.c.run == self.name,
                _LABELS.c.item_id == label.item_id,
                _LABELS.c.reviewer == label.reviewer,
                _LABELS.c.revision == label.revision,
            )
            if connection.scalar(own) not in (None, label.id):
                raise BadUnit(
                    f"{label.reviewer!r} has given revision {label.revision} on item {label.item_id} already, "
                    f"with another answer. Labels are immutable: add revision {label.revision + 1}."
                )
            added = self._add(connection, _LABELS, [label.model_dump()]) == 1
            if added and item.lane != "override":
                self._recount(connection, item)
        return added

    def labels(self, round: int, purpose: Purpose | None = None, *, blind: bool = False) -> Iterator[Label]:
        """Each reviewer's latest label on each item of the round, in the order of `review_items`.

        `blind` asks for the latest of those given before a verdict was shown: what an estimate may use. Where the
        latest is withdrawn there is none.
        """
        query = self._standing(blind=blind)
        query = query.join(_ITEMS, (_ITEMS.c.run == _LABELS.c.run) & (_ITEMS.c.id == _LABELS.c.item_id))
        query = query.where(_ITEMS.c.round == round)
        if purpose is not None:
            query = query.where(_ITEMS.c.purpose == purpose)
        return self._records(Label, query, (*QUEUE_ORDER, _LABELS.c.id))

    def labels_on(self, *comparison_ids: str) -> list[Label]:
        """Each reviewer's latest label on each item of one comparison, or up to a thousand, oldest first."""
        query = self._standing().where(_LABELS.c.comparison_id.in_(comparison_ids))
        return self._all(Label, query.order_by(_LABELS.c.created_at, _LABELS.c.id))

    def label(self, id: str) -> Label:
        """Raises `NotFound`."""
        return self._one(Label, _LABELS, id)

    def label_history(self, item_id: str) -> list[Label]:
        """Every label on an item, revisions included, oldest first."""
        query = self._every().where(_LABELS.c.item_id == item_id)
        return self._all(Label, query.order_by(_LABELS.c.created_at, _LABELS.c.revision, _LABELS.c.id))

    def label_of_key(self, reviewer: str, key: str) -> Label | None:
        """The label that this reviewer sent under this key."""
        found = self._all(Label, self._every().where(_LABELS.c.reviewer == reviewer, _LABELS.c.key == key))
        return found[0] if found else None

    def latest_label(self, reviewer: str, item_id: str | None = None) -> Label | None:
        """This reviewer's latest label that stands and came by the queue, on this item or on any."""
        query = self._standing().where(
            _LABELS.c.reviewer == reviewer, _LABELS.c.source.in_(("queue", "late"))
        )
        if item_id is not None:
            query = query.where(_LABELS.c.item_id == item_id)
        found = self._all(Label, query.order_by(_LABELS.c.created_at.desc(), _LABELS.c.id).limit(1))
        return found[0] if found else None

    def votes(self, reviewer: str, first: int = 0, count: int | None = None) -> list[Label]:
        """The labels of this reviewer that stand and came by the queue, by when they first answered each item."""
        opening = self._openings(reviewer)
        keys = opening.selected_columns
        some = opening.order_by(keys.created_at, keys.id).offset(first).limit(count).subquery()
        query = self._standing().join(some, some.c.item_id == _LABELS.c.item_id)
        query = query.where(_LABELS.c.reviewer == reviewer)
        return self._all(Label, query.order_by(some.c.created_at, some.c.id))

    def vote_count(self, reviewer: str) -> int:
        """How many `votes` there are."""
        with self.database.read() as connection:
            query = sa.select(sa.func.count()).select_from(self._openings(reviewer).subquery())
            return connection.scalar(query) or 0

    def vote_batches(self, reviewer: str, size: int) -> list[tuple[int, int]]:
        """The `votes` in batches of `size`, in order: how many each has, and of how many a verdict was shown."""
        opening = self._openings(reviewer).subquery()
        place = sa.func.row_number().over(order_by=(opening.c.created_at, opening.c.id))
        placed = sa.select(opening.c.comparison_id, ((place - 1) // size).label("batch")).subquery()
        shown = (
            (_REVEALS.c.run == self.name)
            & (_REVEALS.c.comparison_id == placed.c.comparison_id)
            & (_REVEALS.c.reviewer == reviewer)
        )
        query = sa.select(sa.func.count(), sa.func.count(_REVEALS.c.reviewer))
        query = query.select_from(placed).outerjoin(_REVEALS, shown)
        with self.database.read() as connection:
            rows = connection.execute(query.group_by(placed.c.batch).order_by(placed.c.batch)).all()
        return [(row[0], row[1]) for row in rows]

    def skip(
        self, item_id: str, reviewer: str, reason: str, cause: str = "other", key: str | None = None
    ) -> None:
        """Record that a reviewer passed over an item, once for each key. Raises `BadUnit` for an unknown item."""
        insert = self.database.insert(_SKIPS)
        again = insert.on_conflict_do_update(
            index_elements=["run", "item_id", "reviewer"],
            set_={
                name: insert.excluded[name] for name in ("reason", "cause", "created_at", "key", "undone_at")
            },
            where=_SKIPS.c.undone_at.is_not(None)
            & (
                _SKIPS.c.key.is_(None) | insert.excluded.key.is_(None) | (_SKIPS.c.key != insert.excluded.key)
            ),
        )
        row = {
            "item_id": item_id, "reviewer": reviewer, "reason": reason, "cause": cause, "key": key,
            "created_at": datetime.now(UTC), "undone_at": None,
        }  # fmt: skip
        with self.database.write() as connection:
            self._execute(connection, again, [row])

    def latest_skip(self, reviewer: str, item_id: str | None = None) -> tuple[str, datetime] | None:
        """The item that this reviewer skipped last and did not take back, and when."""
        query = sa.select(_SKIPS.c.item_id, _SKIPS.c.created_at).where(
            _SKIPS.c.run == self.name, _SKIPS.c.reviewer == reviewer, _SKIPS.c.undone_at.is_(None)
        )
        if item_id is not None:
            query = query.where(_SKIPS.c.item_id == item_id)
        with self.database.read() as connection:
            row = connection.execute(query.order_by(_SKIPS.c.created_at.desc()).limit(1)).one_or_none()
        return None if row is None else (row[0], row[1])

    def undo_skip(self, item_id: str, reviewer: str) -> None:
        """Take a skip back: the item may be shown to this reviewer again."""
        change = sa.update(_SKIPS).where(
            _SKIPS.c.run == self.name,
            _SKIPS.c.item_id == item_id,
            _SKIPS.c.reviewer == reviewer,
            _SKIPS.c.undone_at.is_(None),
        )
        with self.database.write() as connection:
            connection.execute(change.values(undone_at=datetime.now(UTC)))

    def _recount(self, connection: Connection, item: ReviewItem) -> None:
        """Write down how many answers an item still waits for: its overlap less the reviewers whose answer counts."""
        counted = self._standing().where(
            _LABELS.c.item_id == item.id, _LABELS.c.source.in_(("queue", "import"))
        )
        answers = connection.scalar(sa.select(sa.func.count()).select_from(counted.subquery())) or 0
        change = sa.update(_ITEMS).where(_ITEMS.c.run == self.name, _ITEMS.c.id == item.id)
        connection.execute(change.values(wanted=max(0, item.overlap - answers)))

    def _openings(self, reviewer: str) -> sa.Select[Any]:
        """The first label on each item that this reviewer answered in the queue and has an answer on."""
        later = _LABELS.alias("later")
        newer = sa.exists().where(
            later.c.run == self.name,
            later.c.item_id == _LABELS.c.item_id,
            later.c.reviewer == reviewer,
            later.c.revision > _LABELS.c.revision,
        )
        taken_back = sa.select(_LABELS.c.item_id).where(
            _LABELS.c.run == self.name, _LABELS.c.reviewer == reviewer, _WITHDRAWN, ~newer
        )
        return sa.select(
            _LABELS.c.created_at, _LABELS.c.id, _LABELS.c.item_id, _LABELS.c.comparison_id
        ).where(
            _LABELS.c.run == self.name,
            _LABELS.c.reviewer == reviewer,
            _OPENING,
            _LABELS.c.source.in_(("queue", "late")),
            _LABELS.c.item_id.not_in(taken_back),
        )

    def _every(self) -> sa.Select[Any]:
        return sa.select(*columns_of(Label, _LABELS)).where(_LABELS.c.run == self.name)

    def _standing(self, *, blind: bool = False) -> sa.Select[Any]:
        """Labels that no later one of the same reviewer on the same item replaces or takes back."""
        later = _LABELS.alias("later")
        newer = sa.exists().where(
            later.c.run == self.name,
            later.c.item_id == _LABELS.c.item_id,
            later.c.reviewer == _LABELS.c.reviewer,
            later.c.revision > _LABELS.c.revision,
        )
        if blind:
            newer = newer.where(later.c.blind)
        query = self._every().where(~newer, _LABELS.c.value != "withdrawn")
        return query.where(_LABELS.c.blind) if blind else query
