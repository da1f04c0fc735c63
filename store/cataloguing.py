"""Filling the catalogue of a run's verdicts from the other tables: a chunk in a short transaction, and again for more.

Filling costs the run nothing: whoever serves the pages does it. Two may fill at once: a row is written by one of them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from store import tables
from store.catalogue_tables import catalogue
from store.records import Purpose
from store.scope import RunScope, Values, chunks
from store.words import words

FIRST, SECOND = tables.samples.alias("first"), tables.samples.alias("second")


class Unit(NamedTuple):
    """What is catalogued, and counted, together: the verdicts of one round and purpose."""

    round: int
    purpose: Purpose


class Cataloguing(RunScope):
    """The part of a run's catalogue that writes it."""

    def units(self) -> list[Unit]:
        """The rounds and purposes that have comparisons, by seeks in an index."""
        table = tables.comparisons
        query = sa.select(table.c.round, table.c.purpose).where(table.c.run == self.name)
        query = query.order_by(table.c.round, table.c.purpose).limit(1)
        found: list[Unit] = []
        with self.database.read() as connection:
            row = connection.execute(query).one_or_none()
            while row is not None:
                found.append(Unit(row.round, row.purpose))
                after = sa.tuple_(table.c.round, table.c.purpose) > sa.tuple_(
                    sa.literal(row.round), sa.literal(row.purpose, table.c.purpose.type)
                )
                row = connection.execute(query.where(after)).one_or_none()
        return found

    def fill(self, unit: Unit) -> int:
        """Catalogue what the unit has and the catalogue has not, in the data set's order; how many rows.

        What is missing is found by comparison, and only then read: a query that did both would leave to the planner
        which table it walks through, and without statistics it takes all verdicts of the run.
        """
        comparisons, verdicts = tables.comparisons, tables.verdicts
        keys = [comparisons.c[name] for name in ("position", "first_index", "second_index", "id")]
        missing = sa.select(comparisons.c.id).where(
            comparisons.c.run == self.name,
            comparisons.c.round == unit.round,
            comparisons.c.purpose == unit.purpose,
            _to_catalogue(),
        )
        written = 0
        for ids in chunks(row.id for row in self._pages(missing, keys)):
            place = {id: number for number, id in enumerate(ids)}
            query = _with_texts().where(verdicts.c.run == self.name, verdicts.c.comparison_id.in_(ids))
            with self.database.read() as connection:
                rows = connection.execute(query.order_by(verdicts.c.judge)).all()
            written += self._write(unit, sorted(rows, key=lambda row: place[row.comparison_id]))
        return written

    def _write(self, unit: Unit, chunk: Sequence[Row[Any]]) -> int:
        """New rows with their words; rows whose verdict was given after all."""
        if not chunk:
            return 0
        said = {row.verdict_id: (_row(row, unit), words(_texts(row))) for row in chunk}
        with self.database.write() as connection:
            mine = (catalogue.c.run == self.name, catalogue.c.verdict_id.in_(said))
            there = set(connection.scalars(sa.select(catalogue.c.verdict_id).where(*mine)))
            fresh = [row for id, (row, _) in said.items() if id not in there]
            insert = self.database.insert(catalogue).on_conflict_do_nothing(
                index_elements=["run", "verdict_id"]
            )
            self._execute(connection, insert, fresh)
            self._mend(connection, [row for id, (row, _) in said.items() if id in there])
            numbers = connection.execute(
                sa.select(catalogue.c.verdict_id, catalogue.c.seq).where(*mine)
            ).all()
            self._add_words(connection, [(seq, said[id][1]) for id, seq in numbers if id not in there])
        return len(chunk)

    def _mend(self, connection: Connection, rows: Sequence[Values]) -> None:
        if rows:
            changed = [{"verdict": row["verdict_id"], **row} for row in rows]
            statement = sa.update(catalogue).where(
                catalogue.c.run == self.name, catalogue.c.verdict_id == sa.bindparam("verdict")
            )
            connection.execute(statement, changed)

    def _add_words(self, connection: Connection, rows: Sequence[tuple[int, set[str]]]) -> None:
        if not rows:
            return
        if self.database.dialect == "sqlite":
            statement = sa.text("INSERT INTO catalogue_words (rowid, words) VALUES (:seq, :words)")
        else:
            statement = sa.text(
                "INSERT INTO catalogue_words (seq, words)"
                " VALUES (:seq, array_to_tsvector(string_to_array(:words, ' '))) ON CONFLICT DO NOTHING"
            )
        connection.execute(statement, [{"seq": seq, "words": " ".join(sorted(own))} for seq, own in rows])


def _to_catalogue() -> sa.ColumnElement[bool]:
    """Whether a comparison has a verdict that is not catalogued, or not as it was given after all."""
    comparisons, verdicts, c = tables.comparisons, tables.verdicts, catalogue.c
    done = (c.run == verdicts.c.run) & (c.verdict_id == verdicts.c.id)
    as_given = c.unscored.is_(None) | verdicts.c.p_first.is_(None)
    return sa.exists().where(
        verdicts.c.run == comparisons.c.run,
        verdicts.c.comparison_id == comparisons.c.id,
        ~sa.exists().where(done, as_given),
    )


def _with_texts() -> sa.Select[Any]:
    comparisons, verdicts, prompts = tables.comparisons, tables.verdicts, tables.prompts
    v = verdicts.c
    query = sa.select(
        v.id.label("verdict_id"), v.comparison_id, v.p_first, v.p_first_shown_first, v.p_first_shown_second,
        v.unscored, v.by_principle, v.calls, v.input_tokens, v.output_tokens, v.cost_usd,
        comparisons.c.principles, prompts.c.messages,
        FIRST.c.text.label("first_text"), FIRST.c.tokens.label("first_tokens"),
        SECOND.c.text.label("second_text"), SECOND.c.tokens.label("second_tokens"),
    )  # fmt: skip
    return with_samples(
        query, v.run == comparisons.c.run, v.comparison_id == comparisons.c.id, start=verdicts
    )


def with_samples(
    query: sa.Select[Any], *on: sa.ColumnElement[bool], start: sa.FromClause = catalogue
) -> sa.Select[Any]:
    """`query` on comparisons with their prompts and samples, and on what `on` joins to them."""
    comparisons, prompts = tables.comparisons, tables.prompts
    return (
        query.join_from(start, comparisons, sa.and_(*on))
        .join(prompts, (prompts.c.run == comparisons.c.run) & (prompts.c.id == comparisons.c.prompt_id))
        .join(FIRST, (FIRST.c.run == comparisons.c.run) & (FIRST.c.id == comparisons.c.first_id))
        .join(SECOND, (SECOND.c.run == comparisons.c.run) & (SECOND.c.id == comparisons.c.second_id))
    )


def _texts(row: Row[Any]) -> list[str]:
    return [*(message["content"] for message in row.messages), row.first_text, row.second_text]


def _row(row: Row[Any], unit: Unit) -> Values:
    p, shown, exchanged = row.p_first, row.p_first_shown_first, row.p_first_shown_second
    both = shown is not None and exchanged is not None
    lengths_differ = p is not None and p != 0.5 and row.first_tokens != row.second_tokens
    principles = {*row.principles, *(row.by_principle or {})}
    return {
        "verdict_id": row.verdict_id,
        "comparison_id": row.comparison_id,
        "round": unit.round,
        "purpose": unit.purpose,
        "confidence": None if p is None else max(p, 1 - p),
        "flipped": (shown - 0.5) * (exchanged - 0.5) < 0 if both else None,
        "unscored": row.unscored,
        "slot": (shown + 1 - exchanged) / 2 if both else None,
        "longer": int((p > 0.5) == (row.first_tokens > row.second_tokens)) if lengths_differ else None,
        "principles": f" {' '.join(sorted(principles))} " if principles else "",
        **{name: getattr(row, name) for name in ("calls", "input_tokens", "output_tokens", "cost_usd")},
    }
