"""Figures of a run that are made once and kept: a page reads them all in one query, whatever they were made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from store.catalogue_tables import figures
from store.scope import RunScope

Key = tuple[int, str, str]
"""Round (0: the whole run), purpose (empty: all), kind."""


@dataclass(frozen=True)
class Kept:
    """One figure as it was kept: `version` names what it was made from, a `final` one is never made again."""

    value: Any
    version: str
    final: bool
    computed_at: datetime


class Figures(RunScope):
    """The kept figures of one run."""

    def kept(self, kind: str | None = None) -> dict[Key, Kept]:
        """Every figure, or those of a kind, by round and purpose."""
        query = sa.select(figures).where(figures.c.run == self.name)
        if kind is not None:
            query = query.where(figures.c.kind == kind)
        with self.database.read() as connection:
            rows = connection.execute(
                query.order_by(figures.c.round, figures.c.purpose, figures.c.kind)
            ).all()
        return {
            (row.round, row.purpose, row.kind): Kept(row.value, row.version, row.final, row.computed_at)
            for row in rows
        }

    def one(self, key: Key) -> Kept | None:
        """One figure; None where it was not made yet."""
        round, purpose, kind = key
        c = figures.c
        query = sa.select(figures).where(
            c.run == self.name, c.round == round, c.purpose == purpose, c.kind == kind
        )
        with self.database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Kept(row.value, row.version, row.final, row.computed_at)

    def versions(self) -> dict[Key, tuple[str, bool]]:
        """Version, and whether it is final, of every figure; the values are not read."""
        c = figures.c
        query = sa.select(c.round, c.purpose, c.kind, c.version, c.final).where(c.run == self.name)
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(c.round, c.purpose, c.kind)).all()
        return {(row.round, row.purpose, row.kind): (row.version, row.final) for row in rows}

    def keep(self, key: Key, version: str, value: Any, *, final: bool = False) -> None:
        """Keep a figure in the place of the one that was there."""
        round, purpose, kind = key
        insert = self.database.insert(figures)
        made: Mapping[str, Any] = {
            "version": version,
            "final": final,
            "value": value,
            "computed_at": datetime.now(UTC),
        }
        statement = insert.on_conflict_do_update(
            index_elements=["run", "round", "purpose", "kind"],
            set_={name: insert.excluded[name] for name in made},
        )
        with self.database.write() as connection:
            self._execute(connection, statement, [{"round": round, "purpose": purpose, "kind": kind, **made}])
