"""Verdicts that decide nothing, apart from those that do: of a judge that shadows another, and of the league."""

from collections.abc import Iterable, Iterator

import sqlalchemy as sa

from store import tables
from store.judgements import Judgements
from store.records import Purpose, Usage, Verdict
from store.scope import chunks, columns_of

_TABLE = tables.shadow_verdicts
_USAGE = tuple(Usage.model_fields)


class Shadows(Judgements):
    """The part of a run's store that holds them. Of a verdict by parts or by points the whole is kept."""

    def add_shadow_verdicts(self, verdicts: Iterable[Verdict]) -> int:
        """Add verdicts on stored comparisons, and the exact texts they were given on; how many were new.

        Raises `BadUnit` where the comparison is not stored.
        """
        added = 0
        for chunk in chunks(verdicts):
            with self.database.write() as connection:
                for verdict in chunk:
                    self._add_texts(
                        connection, dict(zip(verdict.prompt_hashes, verdict.prompt_texts, strict=False))
                    )
                rows = [
                    {name: value for name, value in verdict.model_dump().items() if name in _TABLE.c}
                    | {name: getattr(verdict.usage, name) for name in _USAGE if name in _TABLE.c}
                    for verdict in chunk
                ]
                added += self._add(connection, _TABLE, rows)
        return added

    def shadow_verdicts(self, round: int, purpose: Purpose, judge: str | None = None) -> Iterator[Verdict]:
        """By the comparison's id, without usage."""
        comparisons = tables.comparisons
        query = (
            sa.select(*columns_of(Verdict, _TABLE))
            .join(
                comparisons,
                (comparisons.c.run == _TABLE.c.run) & (comparisons.c.id == _TABLE.c.comparison_id),
            )
            .where(_TABLE.c.run == self.name, comparisons.c.round == round, comparisons.c.purpose == purpose)
        )
        if judge is not None:
            query = query.where(_TABLE.c.judge == judge)
        return self._records(Verdict, query, [_TABLE.c.comparison_id, _TABLE.c.id])
