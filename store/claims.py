"""Leases: who is looking at which item, so that many people work on one queue without doing anything twice.

A claim is a row with a time at which it ends; one past its time counts for nothing, so a page that was closed, or a
process that was killed, gives its items back by itself. An item is given to no more reviewers at once than it still
waits for answers. SQLite has one writer at a time, which makes that hold by itself. On PostgreSQL a claim locks the
item's row, passing over rows that others are just locking; and because what a query counts beside a row that it
waited for is as old as the query, it is counted again in a second query once the row is held.

A claim goes when its holder answers, skips or gives the item back, and not when it runs out: it also tells to whom an
item was given, and so who may answer late without having seen a verdict.

What to look at first: what this reviewer is to be asked again, when its time has come; then the round that the run is
at; then the rest; of each from where they last were, and then from the start. Starting at the start each time would
step over everything they answered and others have not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from prompts.hashing import derive_seed
from store import tables
from store.review_items import ITEMS, QUEUE_ORDER, WANTED, ReviewItems
from store.scope import chunks

_CLAIMS, _LABELS, _REVEALS, _MARKERS = tables.claims, tables.labels, tables.reveals, tables.stage_markers

_USUAL = ITEMS.c.lane != "repeat"
_REPEAT_AFTER, _REPEAT_SPREAD = 10, 20
"""Answers between an item and its repeat: at least so many, and up to so many more, drawn for each."""
_REPEAT_AFTER_S = 3600.0
"""Or so much time."""
_LOOK_BACK = 200
"""Latest answers of a reviewer that are looked through for repeats."""
COUNTED = 500
"""Items up to which the open ones are counted."""
_LOOKED_AT = 3 * COUNTED
"""Waiting items that are looked at to count them."""


@dataclass(frozen=True)
class Claim:
    """An item in a reviewer's hands until `expires_at`."""

    item_id: str
    expires_at: datetime


class Claims(ReviewItems):
    """The part of a run's store that holds leases."""

    def claim_items(self, reviewer: str, count: int, lease_s: float) -> list[Claim]:
        """Up to `count` items for this reviewer: those in their hands, with a new lease, then further ones."""
        for wait in (False, True):
            with self.database.write() as connection, connection.begin_nested() as rows:
                now = datetime.now(UTC)
                chosen = self._held(connection, reviewer, now)[:count]
                if len(chosen) < count:
                    chosen += self._found(connection, reviewer, count - len(chosen), now, chosen, wait=wait)
                if chosen:
                    return self._lease(connection, reviewer, chosen, now, lease_s)
                # Nothing was free, or every free row was just being locked by others: the second try waits for them,
                # and keeps nobody waiting for rows that turned out to be taken.
                rows.rollback()
        return []

    def lease_item(self, item_id: str, reviewer: str, lease_s: float) -> Claim:
        """Put this very item into the reviewer's hands. Raises `BadUnit` for an unknown item."""
        with self.database.write() as connection:
            return self._lease(connection, reviewer, [item_id], datetime.now(UTC), lease_s)[0]

    def release_item(self, item_id: str, reviewer: str) -> bool:
        """Give an item back; whether it was held."""
        gone = sa.delete(_CLAIMS).where(
            _CLAIMS.c.run == self.name, _CLAIMS.c.item_id == item_id, _CLAIMS.c.reviewer == reviewer
        )
        with self.database.write() as connection:
            return connection.execute(gone).rowcount > 0

    def was_leased(self, item_id: str, reviewer: str) -> bool:
        """Whether an item was given to this reviewer, and neither answered nor given back since."""
        query = sa.select(_CLAIMS.c.item_id).where(
            _CLAIMS.c.run == self.name, _CLAIMS.c.item_id == item_id, _CLAIMS.c.reviewer == reviewer
        )
        with self.database.read() as connection:
            return connection.scalar(query) is not None

    def any_open(self, reviewer: str) -> bool:
        """Whether there is an item that this reviewer could still answer, in whosever hands. Repeats are left out."""
        could = sa.exists().where(*self._could_answer(reviewer), _USUAL)
        with self.database.read() as connection:
            return bool(connection.scalar(sa.select(could)))

    def open_count(self, reviewer: str) -> tuple[int, int]:
        """Items that this reviewer could still answer, and how many of them are all in others' hands.

        Repeats are left out: they come when their time has come. The first is exact below `COUNTED`; what is more is
        said as `COUNTED`.
        """
        now = datetime.now(UTC)
        could = [*self._could_answer(reviewer), _USUAL]
        busy = sa.select(_CLAIMS.c.item_id).where(
            _CLAIMS.c.run == self.name, _CLAIMS.c.reviewer != reviewer, _CLAIMS.c.expires_at > now
        )
        taken = sa.select(sa.func.count()).where(
            *could, ITEMS.c.id.in_(busy), ITEMS.c.wanted <= self._taken(reviewer, now)
        )
        with self.database.read() as connection:
            further = self._further(self._last_answered(connection, reviewer))
            first = sa.select(ITEMS.c.id).where(ITEMS.c.run == self.name, WANTED)
            first = first.order_by(*QUEUE_ORDER).limit(_LOOKED_AT)
            # From where they are on hardly anything is done; from the start much may be, so that is bounded too.
            count = self._count(connection, *could, *further)
            if count < COUNTED:
                count = self._count(connection, *could, ITEMS.c.id.in_(first))
            return count, connection.scalar(taken) or 0

    def repeats_waiting(self, reviewer: str, comparison_ids: Iterable[str]) -> set[str]:
        """Those of the comparisons on which this reviewer is still to be asked again."""
        found: set[str] = set()
        with self.database.read() as connection:
            for chunk in chunks(comparison_ids):
                query = sa.select(ITEMS.c.comparison_id).where(
                    ITEMS.c.run == self.name,
                    ITEMS.c.comparison_id.in_(chunk),
                    ITEMS.c.lane == "repeat",
                    ITEMS.c.wanted > 0,
                    *self._not_done_by(reviewer),
                )
                found.update(connection.scalars(query))
        return found

    def _count(self, connection: Connection, *conditions: sa.ColumnElement[bool]) -> int:
        some = sa.select(ITEMS.c.id).where(*conditions).order_by(*QUEUE_ORDER).limit(COUNTED)
        return connection.scalar(sa.select(sa.func.count()).select_from(some.subquery())) or 0

    def _held(self, connection: Connection, reviewer: str, now: datetime) -> list[str]:
        """Items in this reviewer's hands that still wait for an answer, longest held first."""
        query = (
            sa.select(ITEMS.c.id)
            .join(_CLAIMS, (_CLAIMS.c.run == ITEMS.c.run) & (_CLAIMS.c.item_id == ITEMS.c.id))
            .where(_CLAIMS.c.run == self.name, _CLAIMS.c.reviewer == reviewer, _CLAIMS.c.expires_at > now)
            .where(ITEMS.c.wanted > 0, *self._not_done_by(reviewer))
            .order_by(_CLAIMS.c.claimed_at, ITEMS.c.position, ITEMS.c.id)
        )
        return list(connection.scalars(query))

    def _found(
        self,
        connection: Connection,
        reviewer: str,
        count: int,
        now: datetime,
        held: Sequence[str],
        *,
        wait: bool,
    ) -> list[str]:
        """Up to `count` further items, their rows locked."""
        found: list[str] = []
        free = [*self._could_answer(reviewer), ITEMS.c.wanted > self._taken(reviewer, now)]
        places = [[_USUAL, *place] for place in self._places(connection, reviewer)]
        if due := self._due_repeats(connection, reviewer, now):
            places.insert(0, [ITEMS.c.id.in_(due)])
        for place in places:
            missing = count - len(found)
            if missing <= 0:
                break
            query = sa.select(ITEMS.c.id).where(*free, *place, ITEMS.c.id.not_in([*held, *found]))
            query = query.order_by(*QUEUE_ORDER).limit(1 if wait else missing)
            locked = list(connection.scalars(query.with_for_update(of=ITEMS, skip_locked=not wait)))
            if self.database.dialect == "postgresql" and locked:
                still = set(connection.scalars(sa.select(ITEMS.c.id).where(*free, ITEMS.c.id.in_(locked))))
                locked = [id for id in locked if id in still]
            found += locked
            if wait and found:
                break
        return found

    def _due_repeats(self, connection: Connection, reviewer: str, now: datetime) -> list[str]:
        """Repeats of what this reviewer answered some time ago."""
        latest = _LABELS.c.created_at.desc()
        recent = (
            sa.select(
                _LABELS.c.comparison_id,
                _LABELS.c.created_at,
                sa.func.row_number().over(order_by=latest).label("age"),
            )
            .where(
                _LABELS.c.run == self.name,
                _LABELS.c.reviewer == reviewer,
                _LABELS.c.source.in_(("queue", "late")),
            )
            .order_by(latest)
            .limit(_LOOK_BACK)
            .subquery()
        )
        query = (
            sa.select(ITEMS.c.id, recent.c.age, recent.c.created_at)
            .join(recent, (ITEMS.c.comparison_id == recent.c.comparison_id))
            .where(ITEMS.c.run == self.name, ITEMS.c.lane == "repeat", ITEMS.c.wanted > 0)
        )
        long_ago = now - timedelta(seconds=_REPEAT_AFTER_S)
        return [
            row.id
            for row in connection.execute(query)
            if row.age > _REPEAT_AFTER + derive_seed(0, row.id, reviewer) % _REPEAT_SPREAD
            or row.created_at < long_ago
        ]

    def _places(self, connection: Connection, reviewer: str) -> list[list[sa.ColumnElement[bool]]]:
        """Where in the queue to look, one place after the other."""
        last_gate = sa.select(sa.func.max(_MARKERS.c.round))
        last_gate = last_gate.where(_MARKERS.c.run == self.name, _MARKERS.c.stage == "gate")
        current = (connection.scalar(last_gate) or 0) + 1
        here = ITEMS.c.round == current
        mark = self._last_answered(connection, reviewer)
        if mark is not None and mark.round == current:
            return [[here, *self._further(mark, 1)], [here], []]
        return [[here], self._further(mark), []]

    def _last_answered(self, connection: Connection, reviewer: str) -> Row[Any] | None:
        """Where in the queue this reviewer answered last."""
        query = (
            sa.select(*QUEUE_ORDER)
            .join(_LABELS, (_LABELS.c.run == ITEMS.c.run) & (_LABELS.c.item_id == ITEMS.c.id))
            .where(_LABELS.c.run == self.name, _LABELS.c.reviewer == reviewer, _USUAL)
            .order_by(_LABELS.c.created_at.desc())
            .limit(1)
        )
        return connection.execute(query).one_or_none()

    def _further(self, mark: Row[Any] | None, known: int = 0) -> list[sa.ColumnElement[bool]]:
        """What holds of the items behind this place; of the keys of the order the first `known` are the same."""
        if mark is None:
            return []
        keys = list(zip(QUEUE_ORDER, mark, strict=True))[known:]
        at = [sa.literal(value, key.type) for key, value in keys]
        return [sa.tuple_(*(key for key, _ in keys)) > sa.tuple_(*at)]

    def _could_answer(self, reviewer: str) -> list[sa.ColumnElement[bool]]:
        """What holds of an item that waits for an answer this reviewer could give."""
        seen = sa.exists().where(
            _REVEALS.c.run == self.name,
            _REVEALS.c.comparison_id == ITEMS.c.comparison_id,
            _REVEALS.c.reviewer == reviewer,
        )
        return [ITEMS.c.run == self.name, WANTED, *self._not_done_by(reviewer), ~seen]

    def _taken(self, reviewer: str, now: datetime) -> sa.ColumnElement[Any]:
        """How many others are looking at an item."""
        query = sa.select(sa.func.count()).where(
            _CLAIMS.c.run == self.name,
            _CLAIMS.c.item_id == ITEMS.c.id,
            _CLAIMS.c.reviewer != reviewer,
            _CLAIMS.c.expires_at > now,
        )
        return query.correlate(ITEMS).scalar_subquery()

    def _lease(
        self, connection: Connection, reviewer: str, item_ids: Sequence[str], now: datetime, lease_s: float
    ) -> list[Claim]:
        until = now + timedelta(seconds=lease_s)
        insert = self.database.insert(_CLAIMS)
        renew = insert.on_conflict_do_update(
            index_elements=["run", "item_id", "reviewer"], set_={"expires_at": insert.excluded.expires_at}
        )
        rows = [
            {"item_id": id, "reviewer": reviewer, "claimed_at": now, "expires_at": until} for id in item_ids
        ]
        self._execute(connection, renew, rows)
        return [Claim(id, until) for id in item_ids]
