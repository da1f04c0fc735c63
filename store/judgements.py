"""Comparisons, the verdicts on them, and the exact texts the judge saw."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from prompts.hashing import content_hash
from store import tables
from store.errors import BadUnit, NotFound
from store.records import Comparison, Prompt, Purpose, Sample, Usage, Verdict
from store.scope import RunScope, Values, chunks

_FIRST = tables.samples.alias("first")
_SECOND = tables.samples.alias("second")
_USAGE = tuple(Usage.model_fields)
_COMPARISON = ("round", "purpose", "constitution", "principles", "id")
_VERDICT = tuple(name for name in Verdict.model_fields if name in tables.verdicts.c)
_ORDER = tuple(tables.comparisons.c[name] for name in ("position", "first_index", "second_index", "id"))


class Judgements(RunScope):
    """The part of a run's store that holds comparisons, verdicts and texts."""

    def add_comparisons(self, comparisons: Iterable[Comparison]) -> int:
        """Add comparisons of stored samples; how many were new.

        Raises `BadUnit` where the prompt or a sample is not stored.
        """
        added = 0
        for chunk in chunks(comparisons):
            with self.database.write() as connection:
                positions = self._positions(connection, (comparison.prompt.id for comparison in chunk))
                rows = [_comparison_row(comparison, positions[comparison.prompt.id]) for comparison in chunk]
                added += self._add(connection, tables.comparisons, rows)
        return added

    def comparisons(self, round: int, purpose: Purpose) -> Iterator[Comparison]:
        """Comparisons with their prompts and samples, by prompt order, first index, second index."""
        for row in self._pages(self._compared(round, purpose), _ORDER):
            yield _comparison(row)

    def comparison(self, id: str) -> Comparison:
        """Raises `NotFound`."""
        return self.comparisons_of([id])[id]

    def comparisons_of(self, ids: Sequence[str]) -> dict[str, Comparison]:
        """The comparisons with these ids, a thousand at most. Raises `NotFound`."""
        query = self._joined().where(tables.comparisons.c.id.in_(ids))
        with self.database.read() as connection:
            found = {made.id: made for row in connection.execute(query) if (made := _comparison(row))}
        missing = [id for id in ids if id not in found]
        if missing:
            raise NotFound(f"run {self.name!r} has no comparison {missing[0]!r}.")
        return found

    def add_verdicts(self, verdicts: Iterable[Verdict]) -> int:
        """Add verdicts, and the exact texts they were given on; how many were new.

        A scored verdict takes the place of an unscored one by the same judge, and nothing else replaces anything.
        Raises `BadUnit` where the comparison is not stored, or a text does not have the hash it is kept under.
        """
        table = tables.verdicts
        insert = self.database.insert(table)
        fresh = {name: insert.excluded[name] for name in (*_VERDICT, *_USAGE) if name != "id"}
        statement = insert.on_conflict_do_update(
            index_elements=["run", "id"],
            set_=fresh,
            where=table.c.unscored.is_not(None) & insert.excluded.p_first.is_not(None),
        )
        added = 0
        for chunk in chunks(verdicts):
            seen: dict[str, str] = {}
            for verdict in chunk:
                seen.update(_prompt_texts(verdict))
            with self.database.write() as connection:
                self._add_texts(connection, seen)
                added += self._execute(connection, statement, [_verdict_row(verdict) for verdict in chunk])
        return added

    def verdicts(self, round: int, purpose: Purpose, judge: str | None = None) -> Iterator[Verdict]:
        """Verdicts in the order of `comparisons`, then of the judges' names."""
        comparisons, verdicts = tables.comparisons, tables.verdicts
        query = sa.select(*_columns(verdicts, _VERDICT, "v"), *_columns(verdicts, _USAGE, "u"))
        query = query.join_from(comparisons, verdicts, _judged_by(judge)).where(*self._of(round, purpose))
        for row in self._pages(query, (*_ORDER, verdicts.c.judge)):
            yield _verdict(row._mapping)

    def scores(
        self, round: int, purpose: Purpose, judge: str | None = None
    ) -> Iterator[tuple[str, float | None]]:
        """The comparison and `p_first` of each verdict, in the order of `verdicts`, and nothing else of it."""
        comparisons, verdicts = tables.comparisons, tables.verdicts
        query = sa.select(verdicts.c.comparison_id, verdicts.c.p_first)
        query = query.join_from(comparisons, verdicts, _judged_by(judge)).where(*self._of(round, purpose))
        for row in self._pages(query, (*_ORDER, verdicts.c.judge)):
            yield row.comparison_id, row.p_first

    def judged(
        self, round: int, purpose: Purpose, judge: str | None = None
    ) -> Iterator[tuple[Comparison, Verdict]]:
        """Each verdict with its comparison, in the order of `verdicts`."""
        verdicts = tables.verdicts
        query = self._compared(round, purpose).join(verdicts, _judged_by(judge))
        query = query.add_columns(*_columns(verdicts, _VERDICT, "v"), *_columns(verdicts, _USAGE, "u"))
        for row in self._pages(query, (*_ORDER, verdicts.c.judge)):
            yield _comparison(row), _verdict(row._mapping)

    def verdict(self, id: str) -> Verdict:
        """Raises `NotFound`."""
        table = tables.verdicts
        query = sa.select(*_columns(table, _VERDICT, "v"), *_columns(table, _USAGE, "u"))
        with self.database.read() as connection:
            row = connection.execute(query.where(table.c.run == self.name, table.c.id == id)).one_or_none()
        if row is None:
            raise NotFound(f"run {self.name!r} has no verdict {id!r}.")
        return _verdict(row._mapping)

    def verdicts_on(self, *comparison_ids: str) -> list[Verdict]:
        """The verdicts on one comparison, or up to a thousand, by the judges' names."""
        table = tables.verdicts
        query = sa.select(*_columns(table, _VERDICT, "v"), *_columns(table, _USAGE, "u"))
        query = query.where(table.c.run == self.name, table.c.comparison_id.in_(comparison_ids))
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(table.c.judge)).all()
        return [_verdict(row._mapping) for row in rows]

    def save_texts(self, texts: Mapping[str, str]) -> None:
        """Keep texts under their content hashes: constitutions and templates, whose files may change.

        Raises `BadUnit` for a text that does not have the hash it is kept under.
        """
        for chunk in chunks(texts.items()):
            with self.database.write() as connection:
                self._add_texts(connection, dict(chunk))

    def text(self, hash: str) -> str:
        """The text of this content hash. Raises `NotFound`."""
        table = tables.texts
        query = sa.select(table.c.text).where(table.c.run == self.name, table.c.hash == hash)
        with self.database.read() as connection:
            text: str | None = connection.scalar(query)
        if text is None:
            raise NotFound(f"run {self.name!r} keeps no text of hash {hash!r}.")
        return text

    def _add_texts(self, connection: Connection, texts: Mapping[str, str]) -> None:
        for hash, text in texts.items():
            if content_hash(text) != hash:
                raise BadUnit(f"a text does not have the hash {hash} it would be kept under: {text[:80]!r}")
        self._add(connection, tables.texts, [{"hash": hash, "text": text} for hash, text in texts.items()])

    def _joined(self) -> sa.Select[Any]:
        comparisons, prompts = tables.comparisons, tables.prompts

        def refers(table: sa.FromClause, id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
            return (table.c.run == comparisons.c.run) & (table.c.id == id)

        return (
            sa.select(
                *_columns(comparisons, _COMPARISON, "c"),
                *_columns(prompts, Prompt.model_fields, "p"),
                *_columns(_FIRST, Sample.model_fields, "a"),
                *_columns(_SECOND, Sample.model_fields, "b"),
            )
            .join_from(comparisons, prompts, refers(prompts, comparisons.c.prompt_id))
            .join(_FIRST, refers(_FIRST, comparisons.c.first_id))
            .join(_SECOND, refers(_SECOND, comparisons.c.second_id))
            .where(comparisons.c.run == self.name)
        )

    def _compared(self, round: int, purpose: Purpose) -> sa.Select[Any]:
        return self._joined().where(*self._of(round, purpose))

    def _of(self, round: int, purpose: Purpose) -> tuple[sa.ColumnElement[bool], ...]:
        """What holds of the comparisons of one draw.

        Every position is at least 0; saying so has SQLite walk through the index of this order, and not, for want of
        statistics, through all verdicts of the run.
        """
        c = tables.comparisons.c
        return (c.run == self.name, c.round == round, c.purpose == purpose, c.position >= 0)


def _columns(table: sa.FromClause, names: Iterable[str], prefix: str) -> list[sa.Label[Any]]:
    return [table.c[name].label(f"{prefix}_{name}") for name in names]


def _judged_by(judge: str | None) -> sa.ColumnElement[bool]:
    comparisons, verdicts = tables.comparisons, tables.verdicts
    on = (verdicts.c.run == comparisons.c.run) & (verdicts.c.comparison_id == comparisons.c.id)
    return on if judge is None else on & (verdicts.c.judge == judge)


def _comparison_row(comparison: Comparison, position: int) -> Values:
    return {
        **comparison.model_dump(include=set(_COMPARISON)),
        "prompt_id": comparison.prompt.id,
        "first_id": comparison.first.id,
        "second_id": comparison.second.id,
        "position": position,
        "first_index": comparison.first.index,
        "second_index": comparison.second.index,
    }


def _verdict_row(verdict: Verdict) -> Values:
    return {**verdict.model_dump(exclude={"usage"}), **verdict.usage.model_dump()}


def _prompt_texts(verdict: Verdict) -> dict[str, str]:
    if verdict.prompt_texts and len(verdict.prompt_texts) != len(verdict.prompt_hashes):
        raise BadUnit(
            f"verdict {verdict.id} has {len(verdict.prompt_texts)} prompt texts and "
            f"{len(verdict.prompt_hashes)} hashes; give one hash for each text."
        )
    return dict(zip(verdict.prompt_hashes, verdict.prompt_texts, strict=False))


def _comparison(row: Row[Any]) -> Comparison:
    values = row._mapping
    return Comparison(
        prompt=Prompt(**{name: values[f"p_{name}"] for name in Prompt.model_fields}),
        first=Sample(**{name: values[f"a_{name}"] for name in Sample.model_fields}),
        second=Sample(**{name: values[f"b_{name}"] for name in Sample.model_fields}),
        **{name: values[f"c_{name}"] for name in _COMPARISON},
    )


def _verdict(values: Mapping[Any, Any]) -> Verdict:
    usage = Usage(**{name: values[f"u_{name}"] for name in _USAGE})
    return Verdict(**{name: values[f"v_{name}"] for name in _VERDICT}, usage=usage)
