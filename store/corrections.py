"""The overrides of a run, newest first, each with what it has changed so far."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store import tables
from store.records import Purpose
from store.scope import RunScope, chunks

_ITEMS, _LABELS, _EFFECTS = tables.review_items, tables.labels, tables.label_effects


class Correction(NamedTuple):
    """One override. `effects` are round, stage and effect of its entries in the ledger, in their order."""

    label_id: str
    comparison_id: str
    round: int
    reviewer: str
    value: str
    reason: str
    created_at: datetime
    effects: tuple[tuple[int, str, str], ...]


class Corrections(RunScope):
    """The part of a run's store that tells of overrides."""

    def count(self) -> int:
        """How many were ever made, those taken back included."""
        with self.database.read() as connection:
            return sum(
                connection.scalar(sa.select(sa.func.count()).where(*self._on(some))) or 0
                for some in chunks(self._items())
            )

    def latest(self, limit: int = 50) -> list[Correction]:
        """The newest `limit` of them."""
        rounds = self._items()
        columns = [
            _LABELS.c[name] for name in ("id", "comparison_id", "item_id", "reviewer", "value", "reason")
        ]
        query = sa.select(*columns, _LABELS.c.created_at)
        with self.database.read() as connection:
            found = [
                row for some in chunks(rounds) for row in connection.execute(query.where(*self._on(some)))
            ]
            newest = sorted(found, key=lambda row: (row.created_at, row.id), reverse=True)[:limit]
            effects = self._effects(connection, [row.id for row in newest])
        return [
            Correction(
                row.id, row.comparison_id, rounds[row.item_id], row.reviewer, row.value, row.reason, row.created_at,
                tuple(effects.get(row.id, ())),
            )
            for row in newest
        ]  # fmt: skip

    def _items(self) -> dict[str, int]:
        """The items of the lane with their rounds: by round and purpose, as the index of the queue's order has them."""
        last = sa.select(sa.func.max(_ITEMS.c.round)).where(_ITEMS.c.run == self.name)
        query = sa.select(_ITEMS.c.id, _ITEMS.c.round).where(
            _ITEMS.c.run == self.name, _ITEMS.c.purpose.in_(get_args(Purpose)), _ITEMS.c.lane == "override"
        )
        with self.database.read() as connection:
            rounds = range((connection.scalar(last) or 0) + 1)
            return {row.id: row.round for row in connection.execute(query.where(_ITEMS.c.round.in_(rounds)))}

    def _on(self, items: Sequence[str]) -> tuple[sa.ColumnElement[bool], ...]:
        return (_LABELS.c.run == self.name, _LABELS.c.item_id.in_(items))

    def _effects(
        self, connection: Connection, label_ids: Sequence[str]
    ) -> dict[str, list[tuple[int, str, str]]]:
        query = sa.select(_EFFECTS.c.label_id, _EFFECTS.c.round, _EFFECTS.c.stage, _EFFECTS.c.effect)
        query = query.where(_EFFECTS.c.run == self.name, _EFFECTS.c.label_id.in_(label_ids))
        found: dict[str, list[tuple[int, str, str]]] = {}
        for row in sorted(connection.execute(query) if label_ids else ()):
            found.setdefault(row[0], []).append((row[1], row[2], row[3]))
        return found
