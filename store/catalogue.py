"""The catalogue of a run's verdicts, read by page (for how it is filled see `store.cataloguing`).

Reading is bounded: rows are numbered, so a page looks at ranges of numbers, newest first, and when its time is up it
says where it stopped instead of going on; a filter that few of a million rows pass cannot hold up anybody. Filters that
are rare by nature (unscored, labelled) have an index of their own, words have a search index.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

import sqlalchemy as sa

from store import tables
from store.catalogue_tables import catalogue
from store.cataloguing import FIRST, SECOND, Cataloguing, Unit, with_samples
from store.columns import AnyText
from store.figures import Figures
from store.records import Purpose
from store.scope import chunks
from store.words import asked

WINDOWS = (2_000, 10_000, 30_000)
"""Rows looked at in one query of a page: few at first, since most pages are full after few."""
PATIENCE = 0.025
"""Seconds after which a page that is not full says where it stopped."""

People = Literal["agree", "overrule", "undecided", "any"]
_PEOPLE = {"agree": 1, "overrule": -1, "undecided": 0}
_REAL = ("slot", "confidence", "cost_usd")


class Span(NamedTuple):
    """Numbers of a run's rows: `first` ≤ seq ≤ `last`."""

    first: int
    last: int


@dataclass(frozen=True)
class Wanted:
    """Which verdicts a page lists; None and empty leave everything in. Confidence is in [0.5, 1]."""

    round: int | None = None
    purpose: str | None = None
    principle: str = ""
    at_least: float | None = None
    at_most: float | None = None
    flipped: bool | None = None
    unscored: bool | None = None
    people: People | None = None
    text: str = ""


class Page(NamedTuple):
    """Numbers of the rows found, newest first. `next` is where the following page starts; None after the last.

    `stopped` says that the page's time was up before it was full.
    """

    rows: tuple[int, ...]
    next: int | None
    stopped: bool


class Listed(NamedTuple):
    """A verdict as a list shows it; the texts are beginnings, `prompt` the last turn."""

    seq: int
    verdict_id: str
    comparison_id: str
    round: int
    purpose: str
    judge: str
    p_first: float | None
    confidence: float | None
    flipped: bool | None
    unscored: str | None
    people: int | None
    prompt: str
    first: str
    second: str


class Catalogue(Cataloguing):
    """The catalogue of one run."""

    def span(self, unit: Unit, since: int | None = None) -> Span | None:
        """The numbers of a unit's rows, looked for from `since` on; None where it has none."""
        query = sa.select(sa.func.min(catalogue.c.seq), sa.func.max(catalogue.c.seq))
        query = query.where(*self._of(unit), catalogue.c.seq >= (since or 0))
        with self.database.read() as connection:
            first, last = connection.execute(query).one()
        return None if first is None else Span(first, last)

    def spans(self) -> dict[Unit, Span]:
        """The numbers of every unit's rows, as far as they were counted."""
        return {unit: Span(*value["span"]) for unit, value in self.counted().items() if value["span"]}

    def counted(self) -> dict[Unit, dict[str, Any]]:
        """The counts of every unit as they were last made (see `review.bookkeeping`)."""
        kept = Figures(self.database, self.name).kept("verdicts")
        return {Unit(round, cast(Purpose, purpose)): one.value for (round, purpose, _), one in kept.items()}

    def worth_looking(self, wanted: Wanted, counted: Mapping[Unit, Mapping[str, Any]]) -> dict[Unit, Span]:
        """The spans of the units that by their counts can hold what is wanted."""
        return {unit: Span(*counts["span"]) for unit, counts in counted.items() if _can_hold(counts, wanted)}

    def count(self, unit: Unit, span: Span) -> dict[str, Any]:
        """What a unit's rows come to: see the names. Sums are 0, means None, where there is nothing."""
        c = catalogue.c
        mine = (*self._of(unit), c.seq.between(*span))
        flip_first = sa.case((c.flipped & (c.slot > 0.5), 1), else_=0)
        called = sa.case((c.calls > 0, 1), else_=0)
        unpriced = sa.case(((c.calls > 0) & c.cost_usd.is_(None), 1), else_=0)

        def total(what: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
            return sa.func.coalesce(sa.func.sum(what), 0)

        query = sa.select(
            sa.func.count().label("verdicts"),
            sa.func.count(c.confidence).label("scored"),
            sa.func.count(c.flipped).label("both_orders"),
            total(sa.case((c.flipped, 1), else_=0)).label("flips"),
            total(flip_first).label("flips_to_first"),
            sa.func.avg(c.slot).label("slot"),
            sa.func.avg(c.confidence).label("confidence"),
            sa.func.count(c.longer).label("differing_lengths"),
            total(c.longer).label("longer"),
            total(called).label("called"),
            total(unpriced).label("unpriced"),
            *(total(c[name]).label(name) for name in ("calls", "input_tokens", "output_tokens", "cost_usd")),
        ).where(*mine)
        why = sa.select(c.unscored, sa.func.count()).where(*mine, c.unscored.is_not(None))
        sure = sa.cast(sa.func.floor(c.confidence * 20), sa.Integer)
        bins = sa.select(sure, sa.func.count()).where(*mine, c.confidence.is_not(None)).group_by(sure)
        with self.database.read() as connection:
            made = dict(connection.execute(query).one()._mapping)
            made["unscored"] = {row[0]: row[1] for row in connection.execute(why.group_by(c.unscored))}
            put = sa.select(c.principles).where(*mine).distinct()
            made["principles"] = sorted({id for row in connection.scalars(put) for id in row.split()})
            made["sure"] = {str(row[0]): row[1] for row in connection.execute(bins)}
        for name, value in made.items():  # PostgreSQL sums to decimals
            if name in _REAL:
                made[name] = None if value is None else float(value)
            elif not isinstance(value, dict | list):
                made[name] = int(value)
        return {**made, "span": list(span)}

    def count_people(self, unit: Unit, span: Span) -> dict[str, int]:
        """How many of the unit's verdicts have labels that agree, overrule, or take no side."""
        c = catalogue.c
        query = sa.select(c.people, sa.func.count()).where(
            *self._of(unit), c.seq.between(*span), c.people.is_not(None)
        )
        with self.database.read() as connection:
            found = {row[0]: row[1] for row in connection.execute(query.group_by(c.people))}
        return {name: int(found.get(value, 0)) for name, value in _PEOPLE.items()}

    def settled(self, unit: Unit, span: Span) -> dict[str, tuple[str, int]]:
        """By verdict: its comparison, and what `set_people` last said of it; verdicts without labels are left out."""
        c = catalogue.c
        query = sa.select(c.verdict_id, c.comparison_id, c.people)
        query = query.where(*self._of(unit), c.seq.between(*span), c.people.is_not(None))
        with self.database.read() as connection:
            return {row[0]: (row[1], row[2]) for row in connection.execute(query)}

    def scores_of(self, comparison_ids: Iterable[str]) -> Iterator[tuple[str, str, float | None]]:
        """Comparison, verdict and `p_first` of the catalogued verdicts on these comparisons."""
        verdicts = tables.verdicts
        joined = (verdicts.c.run == catalogue.c.run) & (verdicts.c.id == catalogue.c.verdict_id)
        query = sa.select(catalogue.c.comparison_id, verdicts.c.id, verdicts.c.p_first)
        query = query.join_from(catalogue, verdicts, joined).where(catalogue.c.run == self.name)
        for some in chunks(comparison_ids):
            with self.database.read() as connection:
                rows = connection.execute(query.where(catalogue.c.comparison_id.in_(some))).all()
            yield from ((row[0], row[1], row[2]) for row in rows)

    def find(
        self,
        wanted: Wanted,
        spans: Mapping[Unit, Span],
        *,
        before: int | None = None,
        limit: int = 50,
        less: sa.ColumnElement[bool] | None = None,
    ) -> Page:
        """The rows that pass, newest first; `less` is a condition on the rows that are left out.

        `spans` bounds what is looked at: the rows of units that it does not hold are not found.
        """
        ranges = _ranges(
            span
            for unit, span in spans.items()
            if wanted.round in (None, unit.round) and wanted.purpose in (None, "", unit.purpose)
        )
        if before is not None:
            ranges = [Span(one.first, min(one.last, before - 1)) for one in ranges if one.first < before]
        rare = wanted.unscored is True or wanted.people is not None
        given = asked(wanted.text)
        # Numbered ranges are read in their own order; an index of all of a run's rows would have to be sorted first.
        mine = catalogue.c.run == self.name if rare else catalogue.c.run + "" == self.name
        query = sa.select(catalogue.c.seq).where(mine, *self._passing(wanted))
        query = query.order_by(catalogue.c.seq.desc())
        if less is not None:
            query = query.where(~less)
        whole = rare or (bool(given) and self.database.dialect == "postgresql")
        found: list[int] = []
        deadline = time.monotonic() + PATIENCE
        with self.database.read() as connection:
            for window in _windows(ranges, whole=whole):
                ranged = query.where(catalogue.c.seq.between(*window)).limit(limit + 1 - len(found))
                if given:
                    ranged = ranged.where(self._said(given, window))
                found += connection.scalars(ranged)
                if len(found) > limit:
                    return Page(tuple(found[:limit]), found[limit - 1], False)
                if time.monotonic() > deadline and window.first > ranges[-1].first:
                    return Page(tuple(found), window.first, True)
        return Page(tuple(found), None, False)

    def listed(self, rows: Sequence[int], length: int = 400) -> list[Listed]:
        """The rows of a page in its order, with the beginnings of their texts, `length` characters of each."""
        comparisons, verdicts, c = tables.comparisons, tables.verdicts, catalogue.c
        query = sa.select(
            c.seq, c.verdict_id, c.comparison_id, c.round, c.purpose, verdicts.c.judge, verdicts.c.p_first,
            c.confidence, c.flipped, c.unscored, c.people, tables.prompts.c.messages,
            sa.func.substr(FIRST.c.text, 1, length, type_=AnyText()).label("first"),
            sa.func.substr(SECOND.c.text, 1, length, type_=AnyText()).label("second"),
        )  # fmt: skip
        joined = with_samples(query, comparisons.c.run == c.run, comparisons.c.id == c.comparison_id)
        joined = joined.join(verdicts, (verdicts.c.run == c.run) & (verdicts.c.id == c.verdict_id))
        with self.database.read() as connection:
            found = connection.execute(joined.where(c.seq.in_(rows)).order_by(c.seq.desc())).all()
        return [
            Listed._make([*row[:11], row.messages[-1]["content"][:length], row.first, row.second])
            for row in found
        ]

    def set_people(self, said: Iterable[tuple[str, int | None]]) -> None:
        """Say of verdicts (by id) whether the labels that stand agree with them; see `catalogue_tables`."""
        statement = sa.update(catalogue).where(
            catalogue.c.run == self.name, catalogue.c.verdict_id == sa.bindparam("verdict")
        )
        rows = [{"verdict": id, "people": value} for id, value in said]
        if rows:
            with self.database.write() as connection:
                connection.execute(statement, rows)

    def _of(self, unit: Unit) -> tuple[sa.ColumnElement[bool], ...]:
        c = catalogue.c
        return (c.run == self.name, c.round == unit.round, c.purpose == unit.purpose)

    def _passing(self, wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
        c = catalogue.c
        if wanted.round is not None:
            yield c.round == wanted.round
        if wanted.purpose:
            yield c.purpose == wanted.purpose
        if wanted.principle:
            yield c.principles.contains(f" {wanted.principle} ", autoescape=True)
        if wanted.at_least is not None:
            yield c.confidence >= wanted.at_least
        if wanted.at_most is not None:
            yield c.confidence <= wanted.at_most
        if wanted.flipped is not None:
            yield c.flipped.is_(wanted.flipped)
        if wanted.unscored is not None:
            yield c.unscored.is_not(None) if wanted.unscored else c.unscored.is_(None)
        if wanted.people is not None:
            yield c.people.is_not(None) if wanted.people == "any" else c.people == _PEOPLE[wanted.people]

    def _said(self, given: Sequence[tuple[str, bool]], window: Span) -> sa.ColumnElement[bool]:
        """The condition that all these words stand in a row's texts; they are ASCII, so they need no quoting.

        SQLite's index is asked for the window's rows alone, since it gives all of them or none.
        """
        if self.database.dialect == "sqlite":
            match = " AND ".join(f'"{word}"{"*" if begins else ""}' for word, begins in given)
            found = sa.text(
                "SELECT rowid FROM catalogue_words WHERE catalogue_words MATCH :match"
                " AND rowid BETWEEN :first AND :last"
            ).bindparams(first=window.first, last=window.last)
        else:
            match = " & ".join(f"'{word}'{':*' if begins else ''}" for word, begins in given)
            found = sa.text("SELECT seq FROM catalogue_words WHERE words @@ CAST(:match AS tsquery)")
        return catalogue.c.seq.in_(found.bindparams(match=match).columns(sa.column("seq", sa.BigInteger)))


def _can_hold(counts: Mapping[str, Any], wanted: Wanted) -> bool:
    """Whether a unit of these counts can have a row that passes."""
    bins = [int(bin) for bin, count in counts["sure"].items() if count]
    return (
        (not wanted.flipped or counts["flips"] > 0)
        and (not wanted.unscored or bool(counts["unscored"]))
        and (not wanted.principle or wanted.principle in counts["principles"])
        and (wanted.at_least is None or any(bin >= int(wanted.at_least * 20) for bin in bins))
        and (wanted.at_most is None or any(bin <= int(wanted.at_most * 20) for bin in bins))
    )


def _ranges(spans: Iterable[Span]) -> list[Span]:
    """Spans, those that overlap or touch as one, from the last down."""
    joined: list[Span] = []
    for span in sorted(spans, key=lambda one: -one.last):
        if joined and span.last >= joined[-1].first - 1:
            joined[-1] = Span(min(span.first, joined[-1].first), joined[-1].last)
        else:
            joined.append(span)
    return joined


def _windows(ranges: Iterable[Span], *, whole: bool) -> Iterator[Span]:
    """Pieces of the ranges in their order, growing; each in one where the database need not look at every row."""
    size = 0
    for first, last in ranges:
        top = last
        while top >= first:
            width = top - first + 1 if whole else WINDOWS[min(size, len(WINDOWS) - 1)]
            yield Span(max(first, top - width + 1), top)
            top -= width
            size += 1
