"""The store: runs in a database, and the way to each of them."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from store import (
    catalogue_tables,
    exchange_tables,
    judge_tables,
    once_tables,
    people_tables,
    request_tables,
    tables,
)
from store.database import Database
from store.errors import AmbiguousId, NotFound, RunDiffers
from store.records import Run
from store.run import RunStore
from store.scope import columns_of

TABLES = (tables, judge_tables, request_tables, people_tables, catalogue_tables, once_tables, exchange_tables)
"""The modules that declare tables, all of them: so the metadata is whole wherever a store is open."""

KINDS = {
    "prm": ("prompt", tables.prompts),
    "smp": ("sample", tables.samples),
    "cmp": ("comparison", tables.comparisons),
    "ver": ("verdict", tables.verdicts),
    "prf": ("preference", tables.preferences),
    "itm": ("item", tables.review_items),
    "lab": ("label", tables.labels),
    "par": ("pair", tables.pairs),
    "rev": ("checkpoint", tables.checkpoints),
}
"""What the first three letters of an id stand for, and where such units are kept."""

_SHOWN = 10
_MISSING = object()


class Found(NamedTuple):
    """A unit: the run it is in, its kind (a value of `KINDS`), its full id."""

    run: str
    kind: str
    id: str


class Store:
    """An open database of runs. Use `Store.open`, and `close` it or use it in a `with`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @classmethod
    def open(cls, url: str) -> Self:
        """Open a database by URL (`sqlite:///runs/rlaif.db`), made or upgraded where need be.

        Raises `BadDatabaseUrl`, `NewerDatabase`, `StoreBusy`.
        """
        return cls(Database(url))

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def create_run(self, run: Run) -> RunStore:
        """Start a run, or open the one of this name and configuration that is there.

        Raises `RunDiffers` where a run of this name has another configuration.
        """
        with self.database.write() as connection:
            add = self.database.insert(tables.runs).on_conflict_do_nothing(index_elements=["name"])
            connection.execute(add, run.model_dump())
            query = sa.select(*columns_of(Run, tables.runs)).where(tables.runs.c.name == run.name)
            stored = Run(**connection.execute(query).one()._mapping)
        if stored.config_hash != run.config_hash:
            differing = list(_differences(stored.config, run.config))
            shown = "; ".join(differing[:_SHOWN]) + (" …" if len(differing) > _SHOWN else "")
            raise RunDiffers(
                f"run {run.name!r} exists with another configuration ({shown or 'its hash differs'}). "
                "Give the new run another name, or go back to the configuration the run was started with."
            )
        return RunStore(self.database, stored)

    def run(self, name: str) -> RunStore:
        """Raises `NotFound`, naming the nearest runs."""
        query = sa.select(*columns_of(Run, tables.runs)).where(tables.runs.c.name == name)
        with self.database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            names = [run.name for run in self.runs()]
            near = get_close_matches(name, names, n=3, cutoff=0.4) or names[-3:]
            raise NotFound(
                f"there is no run {name!r} in {self.database}; nearest: {', '.join(near) or 'none'}."
            )
        return RunStore(self.database, Run(**row._mapping))

    def runs(self) -> list[Run]:
        """Every run, oldest first."""
        query = sa.select(*columns_of(Run, tables.runs)).order_by(
            tables.runs.c.created_at, tables.runs.c.name
        )
        with self.database.read() as connection:
            return [Run(**row._mapping) for row in connection.execute(query)]

    def find(self, id: str, run: str | None = None) -> Found:
        """The unit of this id, or of this beginning of one (`ver_3f2a`); `run` narrows the search.

        Raises `NotFound`, and `AmbiguousId` with the units it could be.
        """
        kind, separator, digits = id.partition("_")
        if kind not in KINDS or not separator or not digits or set(digits) - set("0123456789abcdef"):
            raise NotFound(
                f"{id!r} is not an id. Ids begin with {', '.join(f'{kind}_' for kind in KINDS)} and go on in "
                "hexadecimal digits."
            )
        name, table = KINDS[kind]
        runs = [run] if run is not None else [known.name for known in self.runs()]
        # "g" sorts after every hexadecimal digit: a range, which the primary key answers run by run.
        range_ = (table.c.id >= id) & (table.c.id < id + "g")
        found: list[Found] = []
        with self.database.read() as connection:
            for in_run in runs:
                query = sa.select(table.c.id).where(table.c.run == in_run, range_).order_by(table.c.id)
                found += [Found(in_run, name, row[0]) for row in connection.execute(query.limit(_SHOWN + 1))]
        return _only(id, found, self.database)


def _only(id: str, found: list[Found], database: Database) -> Found:
    if not found:
        raise NotFound(f"nothing in {database} has an id that begins with {id!r}.")
    if len(found) == 1:
        return found[0]
    shown = ", ".join(f"{unit.id} in run {unit.run!r}" for unit in found[:_SHOWN])
    more = " and more" if len(found) > _SHOWN else ""
    remedy = "Name the run." if len({unit.id for unit in found}) == 1 else "Give more of the id."
    raise AmbiguousId(f"{id!r} could be {shown}{more}. {remedy}")


def _differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """`key: old → new` for every leaf that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            where = f"{path}.{key}" if path else str(key)
            yield from _differences(old.get(key, _MISSING), new.get(key, _MISSING), where)
    elif old != new:
        yield f"{path}: {_shown(old)} → {_shown(new)}"


def _shown(value: Any) -> str:
    return "not set" if value is _MISSING else repr(value)
