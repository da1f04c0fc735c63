"""Who was shown the verdicts on which comparison, and when."""

from collections.abc import Iterable
from datetime import UTC, datetime

import sqlalchemy as sa

from store import tables
from store.scope import RunScope, chunks

_REVEALS = tables.reveals


class Reveals(RunScope):
    """The part of a run's store that holds reveals."""

    def add_reveals(self, comparison_ids: Iterable[str], reviewer: str, how: str) -> int:
        """Record that a reviewer is being shown the verdicts on these; how many were new.

        `how` is `batch`, `at_once` or `lead`. Raises `BadUnit` for a comparison that is not stored.
        """
        now = datetime.now(UTC)
        added = 0
        for chunk in chunks(comparison_ids):
            rows = [
                {"comparison_id": id, "reviewer": reviewer, "how": how, "created_at": now} for id in chunk
            ]
            with self.database.write() as connection:
                added += self._add(connection, _REVEALS, rows)
        return added

    def revealed(self, reviewer: str, comparison_ids: Iterable[str]) -> set[str]:
        """Those of the comparisons whose verdicts this reviewer was shown."""
        found: set[str] = set()
        with self.database.read() as connection:
            for chunk in chunks(comparison_ids):
                query = sa.select(_REVEALS.c.comparison_id).where(
                    _REVEALS.c.run == self.name,
                    _REVEALS.c.reviewer == reviewer,
                    _REVEALS.c.comparison_id.in_(chunk),
                )
                found.update(connection.scalars(query))
        return found
