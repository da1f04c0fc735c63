"""What judges were measured to be worth: evaluations and calibrations, shared by the runs of a store."""

from typing import TypeVar

import sqlalchemy as sa

from store import judge_tables
from store.database import Database
from store.errors import NotFound
from store.records import Calibration, Evaluation
from store.scope import columns_of

T = TypeVar("T", Calibration, Evaluation)


class Evaluations:
    """The evaluations and calibrations of one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, evaluation: Evaluation) -> None:
        """Keep an evaluation; the same one again is ignored."""
        self._add(judge_tables.evaluations, evaluation)

    def add_calibration(self, calibration: Calibration) -> None:
        """Keep a calibration; the same one again is ignored."""
        self._add(judge_tables.calibrations, calibration)

    def all(self) -> list[Evaluation]:
        """Every evaluation, oldest first."""
        return self._all(Evaluation, judge_tables.evaluations)

    def calibrations(self, judge: str | None = None) -> list[Calibration]:
        """The calibrations of this judge (see `Calibration.judge`), or all, oldest first."""
        found = self._all(Calibration, judge_tables.calibrations)
        return [one for one in found if judge is None or one.judge == judge]

    def calibration(self, id: str) -> Calibration:
        """The calibration of this id or beginning of one. Raises `NotFound`, naming those there are."""
        known = self.calibrations()
        found = [one for one in known if one.id.startswith(id)]
        if len(found) != 1:
            several = "several calibrations begin" if found else "there is no calibration that begins"
            shown = ", ".join(one.id for one in (found or known)[-5:]) or "none"
            raise NotFound(f"{several} with {id!r} in {self.database}; there are: {shown}.")
        return found[0]

    def _add(self, table: sa.Table, record: Calibration | Evaluation) -> None:
        add = self.database.insert(table).on_conflict_do_nothing(index_elements=["id"])
        with self.database.write() as connection:
            connection.execute(add, record.model_dump())

    def _all(self, record: type[T], table: sa.Table) -> list[T]:
        query = sa.select(*columns_of(record, table)).order_by(table.c.created_at, table.c.id)
        with self.database.read() as connection:
            return [record(**row._mapping) for row in connection.execute(query)]
