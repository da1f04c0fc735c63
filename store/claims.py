"""Leases: who is looking at which item, so that many people work on one queue without doing anything twice.

A claim is a row with a time at which it ends; one past its time counts for nothing, so a page that was closed, or a
process that was killed, gives its items back by itself. An item is given to no more reviewers at once than it still
waits for answers. SQLite has one writer at a time, which makes that hold by itself. On PostgreSQL a claim locks the
item's row, passing over rows that others are just locking; and because what a query counts beside a row that it
waited for is as old as the query, it is counted again in a second query once the row is held.

What to look at first: items that a run waits for, then the rest from where this reviewer last was, then from the
start. Starting at the start each time would step over everything they answered and others have not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store import tables
from store.review_items import ITEMS, QUEUE_ORDER, WANTED, ReviewItems
from store.scope import chunks

_CLAIMS, _LABELS, _REVEALS, _MARKERS = tables.claims, tables.labels, tables.reveals, tables.stage_markers


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
            with self.database.write() as connection:
                now = datetime.now(UTC)
                chosen = self._held(connection, reviewer, now)[:count]
                if len(chosen) < count:
                    chosen += self._found(connection, reviewer, count - len(chosen), now, chosen, wait=wait)
                if chosen:
                    return self._lease(connection, reviewer, chosen, now, lease_s)
            # Nothing was free, or every free row was just being locked by others: only the second try waits for them.
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

    def open_count(self, reviewer: str) -> tuple[int, int]:
        """Items that this reviewer could still answer, and how many of them are all in others' hands.

        Repeats are left out: they come when their time has come.
        """
        mine = self._could_answer(reviewer)
        taken = ITEMS.c.wanted <= self._taken(reviewer, datetime.now(UTC))
        with self.database.read() as connection:
            query = sa.select(sa.func.count(), sa.func.count().filter(taken)).where(*mine)
            row = connection.execute(query).one()
        return row[0], row[1]

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
        for place in self._places(connection, reviewer):
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

    def _places(self, connection: Connection, reviewer: str) -> list[list[sa.ColumnElement[bool]]]:
        """Where in the queue to look, one place after the other."""
        last_gate = sa.select(sa.func.max(_MARKERS.c.round))
        last_gate = last_gate.where(_MARKERS.c.run == self.name, _MARKERS.c.stage == "gate")
        current = (connection.scalar(last_gate) or 0) + 1
        places = [[ITEMS.c.round == current]]
        last = (
            sa.select(*QUEUE_ORDER)
            .join(_LABELS, (_LABELS.c.run == ITEMS.c.run) & (_LABELS.c.item_id == ITEMS.c.id))
            .where(_LABELS.c.run == self.name, _LABELS.c.reviewer == reviewer)
            .order_by(_LABELS.c.created_at.desc())
            .limit(1)
        )
        mark = connection.execute(last).one_or_none()
        if mark is not None and mark.round != current:
            at = [sa.literal(value, key.type) for value, key in zip(mark, QUEUE_ORDER, strict=True)]
            places.append([sa.tuple_(*QUEUE_ORDER) > sa.tuple_(*at)])
        return [*places, []]

    def _could_answer(self, reviewer: str) -> list[sa.ColumnElement[bool]]:
        """What holds of an item that waits for an answer this reviewer could give."""
        seen = sa.exists().where(
            _REVEALS.c.run == self.name,
            _REVEALS.c.comparison_id == ITEMS.c.comparison_id,
            _REVEALS.c.reviewer == reviewer,
        )
        own_run = ITEMS.c.run == self.name
        return [own_run, WANTED, ITEMS.c.lane != "repeat", *self._not_done_by(reviewer), ~seen]

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
        over = sa.delete(_CLAIMS).where(
            _CLAIMS.c.run == self.name, _CLAIMS.c.item_id.in_(item_ids), _CLAIMS.c.expires_at <= now
        )
        connection.execute(over)
        insert = self.database.insert(_CLAIMS)
        renew = insert.on_conflict_do_update(
            index_elements=["run", "item_id", "reviewer"], set_={"expires_at": insert.excluded.expires_at}
        )
        rows = [
            {"item_id": id, "reviewer": reviewer, "claimed_at": now, "expires_at": until} for id in item_ids
        ]
        self._execute(connection, renew, rows)
        return [Claim(id, until) for id in item_ids]
