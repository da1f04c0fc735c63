"""What every part of a run's store stands on: the run's name, chunked writes, and paged reads.

Reads are pages by key rather than one open cursor: each page is a short transaction of its own that starts after
the last row seen, straight from an index. So memory does not grow with the table, a slow consumer holds no
transaction open, and rows written meanwhile do no harm, as units are only ever added.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.engine import Connection, Row

from store import tables
from store.database import Database, Insert, reason
from store.errors import BadUnit, NotFound

CHUNK = 500
"""Rows in one write transaction, and in one page of a read."""

Values = dict[str, Any]
RecordT = TypeVar("RecordT", bound=BaseModel)
ItemT = TypeVar("ItemT")


def chunks(items: Iterable[ItemT], size: int = CHUNK) -> Iterator[list[ItemT]]:
    """`items` in lists of at most `size`."""
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


def columns_of(record: type[BaseModel], table: sa.FromClause) -> list[sa.ColumnElement[Any]]:
    """The columns of `table` (or an alias of it) that are fields of `record`, in the record's order."""
    return [table.c[name] for name in record.model_fields if name in table.c]


class RunScope:
    """One run in one database."""

    def __init__(self, database: Database, name: str) -> None:
        self.database = database
        self.name = name

    def _lock(self, connection: Connection) -> None:
        """Keep other writers of this run out until the transaction ends, where what is read decides what is written.

        SQLite's write lock does it already, and its dialect leaves the clause away.
        """
        runs = tables.runs
        connection.execute(sa.select(runs.c.name).where(runs.c.name == self.name).with_for_update())

    def _add(self, connection: Connection, table: sa.Table, rows: Sequence[Values]) -> int:
        """Insert rows whose key is not there yet; how many those were.

        Raises `BadUnit` where a row refers to something that is not stored.
        """
        keys = [column.name for column in table.primary_key]
        return self._execute(
            connection, self.database.insert(table).on_conflict_do_nothing(index_elements=keys), rows
        )

    def _execute(self, connection: Connection, statement: Insert, rows: Sequence[Values]) -> int:
        if not rows:
            return 0
        named = [{"run": self.name, **row} for row in rows]
        try:
            result = connection.execute(statement, named, execution_options={"preserve_rowcount": True})
        except sa.exc.IntegrityError as error:
            raise BadUnit(
                f"run {self.name!r}: cannot add to {statement.table.name}: {reason(error)}. "
                "Add what these units refer to first (prompts, samples, comparisons, items)."
            ) from error
        return int(result.rowcount)

    def _positions(self, connection: Connection, prompt_ids: Iterable[str]) -> dict[str, int]:
        """The place of each prompt in the data set. Raises `BadUnit` for a prompt that is not stored."""
        wanted = set(prompt_ids)
        prompts = tables.prompts
        found: dict[str, int] = {}
        for some in chunks(sorted(wanted)):
            query = sa.select(prompts.c.id, prompts.c.position)
            query = query.where(prompts.c.run == self.name, prompts.c.id.in_(some))
            found.update((row[0], row[1]) for row in connection.execute(query))
        if missing := wanted - found.keys():
            raise BadUnit(f"run {self.name!r} has no prompt {min(missing)}. Add the prompts first.")
        return found

    def _pages(self, query: sa.Select[Any], keys: Sequence[sa.ColumnElement[Any]]) -> Iterator[Row[Any]]:
        """The rows of `query` in the order of `keys`, which together are unique and never NULL."""
        query = query.add_columns(*(key.label(f"key_{i}") for i, key in enumerate(keys)))
        query = query.order_by(*keys).limit(CHUNK)
        after = query
        while True:
            with self.database.read() as connection:
                page = connection.execute(after).all()
            yield from page
            if len(page) < CHUNK:
                return
            last = [
                sa.literal(value, key.type) for key, value in zip(keys, page[-1][-len(keys) :], strict=True)
            ]
            after = query.where(sa.tuple_(*keys) > sa.tuple_(*last))

    def _records(
        self, record: type[RecordT], query: sa.Select[Any], keys: Sequence[sa.ColumnElement[Any]]
    ) -> Iterator[RecordT]:
        """`_pages` of a query on `columns_of(record, …)`, as records."""
        for row in self._pages(query, keys):
            yield _build(record, row)

    def _one(self, record: type[RecordT], table: sa.Table, id: str) -> RecordT:
        """The record of this id. Raises `NotFound`."""
        query = sa.select(*columns_of(record, table)).where(table.c.run == self.name, table.c.id == id)
        with self.database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound(f"run {self.name!r} has no {record.__name__.lower()} {id!r}.")
        return _build(record, row)

    def _all(self, record: type[RecordT], query: sa.Select[Any]) -> list[RecordT]:
        """The records of a query that is small by nature."""
        with self.database.read() as connection:
            rows = connection.execute(query).all()
        return [_build(record, row) for row in rows]


def _build(record: type[RecordT], row: Row[Any]) -> RecordT:
    values = row._mapping
    return record(**{name: values[name] for name in record.model_fields if name in values})
