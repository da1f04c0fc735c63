"""How far the draws of a run are, counted by the database."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from store import tables
from store.records import Lane, Purpose
from store.scope import RunScope

_ITEMS, _LABELS, _SKIPS, _CLAIMS = tables.review_items, tables.labels, tables.skips, tables.claims
Key = tuple[int, Purpose, Lane]


@dataclass(frozen=True)
class LaneStatus:
    """How far one lane of one draw is, in items."""

    round: int
    purpose: Purpose
    lane: Lane
    drawn: int
    labelled: int
    """With an answer that stands."""
    simulated: int
    """Of the labelled: those that only the simulated reviewer has answered."""
    skipped: int
    """Without an answer, and passed over by someone."""
    open: int
    """Still waiting for an answer, the skipped left out. With overlap an item can be labelled and open."""
    held: int
    """Of those that wait: in somebody's hands now."""


class QueueCounts(RunScope):
    """The part of a run's store that counts its queue."""

    def lane_status(self, simulated: str) -> list[LaneStatus]:
        """Every lane of every draw, oldest round first; `simulated` is the name of the reviewer that is no person."""
        answers = (
            sa.select(
                _LABELS.c.item_id,
                sa.func.min(sa.case((_LABELS.c.reviewer == simulated, 1), else_=0)).label("alone"),
            )
            .where(_LABELS.c.run == self.name, *self._stands())
            .group_by(_LABELS.c.item_id)
            .subquery()
        )
        skips = (
            sa.select(_SKIPS.c.item_id)
            .where(_SKIPS.c.run == self.name, _SKIPS.c.undone_at.is_(None))
            .distinct()
            .subquery()
        )
        claims = (
            sa.select(_CLAIMS.c.item_id)
            .where(_CLAIMS.c.run == self.name, _CLAIMS.c.expires_at > datetime.now(UTC))
            .distinct()
            .subquery()
        )
        labelled, skipped = answers.c.item_id.is_not(None), skips.c.item_id.is_not(None)
        passed = skipped & ~labelled
        where = (_ITEMS.c.round, _ITEMS.c.purpose, _ITEMS.c.lane)
        query = (
            sa.select(
                *where,
                sa.func.count(),
                _sum(labelled),
                sa.func.coalesce(sa.func.sum(answers.c.alone), 0),
                _sum(passed),
                _sum((_ITEMS.c.wanted > 0) & ~passed),
                _sum((_ITEMS.c.wanted > 0) & claims.c.item_id.is_not(None)),
            )
            .outerjoin(answers, answers.c.item_id == _ITEMS.c.id)
            .outerjoin(skips, skips.c.item_id == _ITEMS.c.id)
            .outerjoin(claims, claims.c.item_id == _ITEMS.c.id)
            .where(_ITEMS.c.run == self.name)
            .group_by(*where)
            .order_by(_ITEMS.c.round, _ITEMS.c.purpose, _ITEMS.c.lane)
        )
        with self.database.read() as connection:
            return [LaneStatus(*row) for row in connection.execute(query)]

    def _stands(self) -> list[sa.ColumnElement[bool]]:
        later = _LABELS.alias("later")
        newer = sa.exists().where(
            later.c.run == self.name,
            later.c.item_id == _LABELS.c.item_id,
            later.c.reviewer == _LABELS.c.reviewer,
            later.c.revision > _LABELS.c.revision,
        )
        return [~newer, _LABELS.c.value != "withdrawn"]


def _sum(condition: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((condition, 1), else_=0))
