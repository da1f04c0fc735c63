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
    """With an answer that counts."""
    simulated: int
    """Of the labelled: those that only the simulated reviewer has answered."""
    skipped: int
    """Without an answer, and passed over by someone."""
    open: int
    """Still waiting for an answer, the skipped left out. With overlap an item can be labelled and open."""
    held: int
    """Of those that wait: in somebody's hands now."""
    done: int
    """With all the answers that they ask for."""


class QueueCounts(RunScope):
    """The part of a run's store that counts its queue."""

    def lane_status(self, simulated: str, told: str | None = None) -> list[LaneStatus]:
        """Every lane of every draw, oldest round first; `simulated` is the name of the reviewer that is no person.

        Overrides were not drawn. What the person who is `told` holds is not counted as held: by it they would see in
        which lane an item is that they are still to answer.
        """
        # An item waits for its overlap less the answers that count, so the labels themselves need not be looked at.
        answers = _ITEMS.c.overlap - _ITEMS.c.wanted
        rehearsed = (
            sa.select(_LABELS.c.item_id)
            .where(_LABELS.c.run == self.name, _LABELS.c.reviewer == simulated)
            .distinct()
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
            .where(
                _CLAIMS.c.run == self.name,
                _CLAIMS.c.expires_at > datetime.now(UTC),
                sa.true() if told is None else _CLAIMS.c.reviewer != told,
            )
            .distinct()
            .subquery()
        )
        passed = skips.c.item_id.is_not(None) & (answers == 0)
        where = (_ITEMS.c.round, _ITEMS.c.purpose, _ITEMS.c.lane)
        query = (
            sa.select(
                *where,
                sa.func.count(),
                _sum(answers > 0),
                _sum((answers == 1) & rehearsed.c.item_id.is_not(None)),
                _sum(passed),
                _sum((_ITEMS.c.wanted > 0) & ~passed),
                _sum((_ITEMS.c.wanted > 0) & claims.c.item_id.is_not(None)),
                _sum(_ITEMS.c.wanted == 0),
            )
            .outerjoin(rehearsed, rehearsed.c.item_id == _ITEMS.c.id)
            .outerjoin(skips, skips.c.item_id == _ITEMS.c.id)
            .outerjoin(claims, claims.c.item_id == _ITEMS.c.id)
            .where(_ITEMS.c.run == self.name, _ITEMS.c.lane != "override")
            .group_by(*where)
            .order_by(_ITEMS.c.round, _ITEMS.c.purpose, _ITEMS.c.lane)
        )
        with self.database.read() as connection:
            return [LaneStatus(*row) for row in connection.execute(query)]


def _sum(condition: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((condition, 1), else_=0))
