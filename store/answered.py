"""People's labels as an estimate reads them: beside what was drawn and what the judge said, as plain rows.

An estimate over thousands of labels needs ids and numbers, and none of the texts that `labels` and `judged` build
records of; so it reads its own columns, in a few queries.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from store import tables
from store.records import LabelSource, LabelValue, Lane, Mark, Purpose
from store.scope import RunScope

_ITEMS, _LABELS, _COMPARISONS = tables.review_items, tables.labels, tables.comparisons
_VERDICTS, _SKIPS = tables.verdicts, tables.skips


class Answer(NamedTuple):
    """A reviewer's latest answer on an item, with where the item came from."""

    item_id: str
    comparison_id: str
    prompt_id: str
    reviewer: str
    value: LabelValue
    marks: Mapping[str, Mark]
    swapped: bool
    seconds: float | None
    created_at: datetime
    source: LabelSource
    round: int
    purpose: Purpose
    lane: Lane
    inclusion_probability: float
    stratum: str
    repeat_of: str | None


class Drawn(NamedTuple):
    """Items of one lane that were drawn from one part of the population with one probability, counted."""

    lane: Lane
    stratum: str
    inclusion_probability: float
    items: int


class Judged(NamedTuple):
    """One judge's verdict on a drawn comparison; `by_principle` as stored: a principle's id and its `Part`."""

    comparison_id: str
    p_first: float | None
    by_principle: Mapping[str, Mapping[str, Any]] | None


class Answered(RunScope):
    """What estimates read of a run. `round` and `purpose` None mean all of them."""

    def answers(
        self, round: int | None = None, purpose: Purpose | None = None, *, blind: bool = True
    ) -> list[Answer]:
        """Each reviewer's latest label on each item, by comparison, item and reviewer.

        Overrides are left out: somebody chose what they are about. So is a label that its reviewer withdrew. With
        `blind`, what was said after a verdict was shown does not count, and the latest before it does.
        """
        later = _LABELS.alias("later")
        newer = sa.select(later.c.id).where(
            later.c.run == self.name,
            later.c.item_id == _LABELS.c.item_id,
            later.c.reviewer == _LABELS.c.reviewer,
            later.c.revision > _LABELS.c.revision,
            later.c.source != "override",
        )
        query = (
            sa.select(
                *(_LABELS.c[name] for name in ("item_id", "comparison_id")),
                _COMPARISONS.c.prompt_id,
                *(
                    _LABELS.c[name]
                    for name in ("reviewer", "value", "marks", "swapped", "seconds", "created_at", "source")
                ),
                *(
                    _ITEMS.c[name]
                    for name in ("round", "purpose", "lane", "inclusion_probability", "stratum", "repeat_of")
                ),
            )
            .join(_ITEMS, (_ITEMS.c.run == _LABELS.c.run) & (_ITEMS.c.id == _LABELS.c.item_id))
            .join(
                _COMPARISONS,
                (_COMPARISONS.c.run == _LABELS.c.run) & (_COMPARISONS.c.id == _LABELS.c.comparison_id),
            )
            .where(_LABELS.c.run == self.name, _LABELS.c.source != "override")
        )
        if blind:
            newer = newer.where(later.c.blind)
            query = query.where(_LABELS.c.blind)
        query = query.where(~newer.exists(), _LABELS.c.value != "withdrawn")
        query = _within(query, round, purpose)
        with self.database.read() as connection:
            rows = connection.execute(query).all()
        return sorted(map(Answer._make, rows), key=lambda row: (row.comparison_id, row.item_id, row.reviewer))

    def drawn(self, round: int, purpose: Purpose) -> list[Drawn]:
        """How many items were drawn, by lane, stratum and inclusion probability."""
        keys = (_ITEMS.c.lane, _ITEMS.c.stratum, _ITEMS.c.inclusion_probability)
        query = sa.select(*keys, sa.func.count()).where(_ITEMS.c.run == self.name).group_by(*keys)
        with self.database.read() as connection:
            rows = connection.execute(_within(query, round, purpose).order_by(*keys)).all()
        return [Drawn._make(row) for row in rows]

    def verdicts_on_items(
        self, round: int | None = None, purpose: Purpose | None = None, *, parts: bool = False
    ) -> list[Judged]:
        """Verdicts on all comparisons of the random lane, by comparison and judge; `by_principle` where `parts`."""
        asked = sa.select(_ITEMS.c.comparison_id).where(_ITEMS.c.run == self.name, _ITEMS.c.lane == "random")
        asked = _within(asked, round, purpose)
        query = sa.select(
            _VERDICTS.c.comparison_id,
            _VERDICTS.c.p_first,
            _VERDICTS.c.by_principle if parts else sa.null(),
        )
        query = query.where(_VERDICTS.c.run == self.name, _VERDICTS.c.comparison_id.in_(asked))
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(_VERDICTS.c.comparison_id, _VERDICTS.c.judge)).all()
        return [Judged._make(row) for row in rows]

    def identical(self, round: int) -> int:
        """Held-out prompts that the round's two policies answered with the same text: no comparison stands for them."""
        samples = tables.samples
        asked = sa.select(sa.func.count(sa.distinct(samples.c.prompt_id))).where(
            samples.c.run == self.name, samples.c.round == round, samples.c.purpose == "gate"
        )
        compared = sa.select(sa.func.count(sa.distinct(_COMPARISONS.c.prompt_id))).where(
            _COMPARISONS.c.run == self.name, _COMPARISONS.c.round == round, _COMPARISONS.c.purpose == "gate"
        )
        with self.database.read() as connection:
            return int(connection.scalar(asked) or 0) - int(connection.scalar(compared) or 0)

    def skips(self) -> dict[str, int]:
        """How many items each reviewer passed over and did not come back to."""
        query = sa.select(_SKIPS.c.reviewer, sa.func.count())
        query = query.where(_SKIPS.c.run == self.name, _SKIPS.c.undone_at.is_(None))
        with self.database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query.group_by(_SKIPS.c.reviewer))}


def _within(query: sa.Select[Any], round: int | None, purpose: Purpose | None) -> sa.Select[Any]:
    if round is not None:
        query = query.where(_ITEMS.c.round == round)
    if purpose is not None:
        query = query.where(_ITEMS.c.purpose == purpose)
    return query
