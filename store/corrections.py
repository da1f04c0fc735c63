"""The overrides of a run, newest first, each with what it has changed so far."""

from datetime import datetime
from typing import NamedTuple, get_args

import sqlalchemy as sa

from store import tables
from store.records import Purpose
from store.scope import RunScope

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

    def _mine(self) -> sa.ColumnElement[bool]:
        """Spelt out by round and purpose, so that the index of the queue's order finds the lane."""
        last = sa.select(sa.func.max(_ITEMS.c.round)).where(_ITEMS.c.run == self.name)
        with self.database.read() as connection:
            rounds = range((connection.scalar(last) or 0) + 1)
        return sa.and_(
            _ITEMS.c.run == self.name,
            _ITEMS.c.round.in_(rounds),
            _ITEMS.c.purpose.in_(get_args(Purpose)),
            _ITEMS.c.lane == "override",
        )

    def count(self) -> int:
        """How many were ever made, those taken back included."""
        query = sa.select(sa.func.count()).select_from(_ITEMS).join(_LABELS, _OWN)
        with self.database.read() as connection:
            return connection.scalar(query.where(self._mine())) or 0

    def latest(self, limit: int = 50) -> list[Correction]:
        """The newest `limit` of them."""
        query = sa.select(
            _LABELS.c.id, _LABELS.c.comparison_id, _ITEMS.c.round, _LABELS.c.reviewer, _LABELS.c.value,
            _LABELS.c.reason, _LABELS.c.created_at,
        ).select_from(_ITEMS).join(_LABELS, _OWN)  # fmt: skip
        query = query.where(self._mine()).order_by(_LABELS.c.created_at.desc(), _LABELS.c.id).limit(limit)
        done = sa.select(_EFFECTS.c.label_id, _EFFECTS.c.round, _EFFECTS.c.stage, _EFFECTS.c.effect)
        done = done.where(_EFFECTS.c.run == self.name).order_by(_EFFECTS.c.round, _EFFECTS.c.stage)
        with self.database.read() as connection:
            rows = connection.execute(query).all()
            if not rows:
                return []
            effects: dict[str, list[tuple[int, str, str]]] = {}
            for row in connection.execute(done.where(_EFFECTS.c.label_id.in_([row.id for row in rows]))):
                effects.setdefault(row.label_id, []).append((row.round, row.stage, row.effect))
        return [Correction(*row, effects=tuple(effects.get(row.id, ()))) for row in rows]


_OWN = (_LABELS.c.run == _ITEMS.c.run) & (_LABELS.c.item_id == _ITEMS.c.id)
