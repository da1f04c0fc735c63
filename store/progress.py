"""How far a run has come: stage markers and training metrics."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from store import tables
from store.records import StageMarker
from store.scope import RunScope, chunks, columns_of

_MARKERS, _METRICS = tables.stage_markers, tables.metrics


class Progress(RunScope):
    """The part of a run's store that holds markers and metrics."""

    def mark(self, marker: StageMarker) -> None:
        """Say that a stage is complete; write this last. A marker that is there already stands."""
        with self.database.write() as connection:
            self._add(connection, _MARKERS, [marker.model_dump()])

    def marker(self, round: int, stage: str) -> StageMarker | None:
        """None while the stage is not complete."""
        found = self._all(
            StageMarker, self._markers().where(_MARKERS.c.round == round, _MARKERS.c.stage == stage)
        )
        return found[0] if found else None

    def markers(self) -> list[StageMarker]:
        """By round, then the stage's name."""
        return self._all(StageMarker, self._markers().order_by(_MARKERS.c.round, _MARKERS.c.stage))

    def add_metrics(self, round: int, stage: str, rows: Iterable[tuple[int, str, float]]) -> None:
        """Add (step, name, value) rows; a value given again, by training that was repeated, replaces the first."""
        insert = self.database.insert(_METRICS)
        statement = insert.on_conflict_do_update(
            index_elements=["run", "round", "stage", "step", "name"], set_={"value": insert.excluded.value}
        )
        for chunk in chunks(rows):
            values = [
                {"round": round, "stage": stage, "step": step, "name": name, "value": value}
                for step, name, value in chunk
            ]
            with self.database.write() as connection:
                self._execute(connection, statement, values)

    def metrics(self, round: int, stage: str) -> list[tuple[int, str, float]]:
        """(step, name, value) by step and name. NaN comes back as NaN."""
        query = sa.select(_METRICS.c.step, _METRICS.c.name, _METRICS.c.value).where(
            _METRICS.c.run == self.name, _METRICS.c.round == round, _METRICS.c.stage == stage
        )
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(_METRICS.c.step, _METRICS.c.name)).all()
        return [(row.step, row.name, row.value) for row in rows]

    def _markers(self) -> sa.Select[Any]:
        return sa.select(*columns_of(StageMarker, _MARKERS)).where(_MARKERS.c.run == self.name)
