"""What the verdicts amount to: preferences, and the pairs a candidate is trained on."""

from collections.abc import Iterable, Iterator

import sqlalchemy as sa

from store import tables
from store.records import Pair, Preference
from store.scope import RecordT, RunScope, chunks, columns_of


class Outcomes(RunScope):
    """The part of a run's store that holds preferences and pairs."""

    def add_preferences(self, preferences: Iterable[Preference]) -> int:
        """Add preferences; how many were new. Raises `BadUnit` where the prompt is not stored."""
        return self._add_by_prompt(tables.preferences, preferences)

    def preferences(self, round: int) -> Iterator[Preference]:
        """By prompt order, then id."""
        return self._of_round(Preference, tables.preferences, round)

    def preference(self, id: str) -> Preference:
        """Raises `NotFound`."""
        return self._one(Preference, tables.preferences, id)

    def add_pairs(self, pairs: Iterable[Pair]) -> int:
        """Add pairs of stored samples; how many were new. Raises `BadUnit` where a sample is not stored."""
        return self._add_by_prompt(tables.pairs, pairs)

    def pairs(self, round: int) -> Iterator[Pair]:
        """By prompt order, then id."""
        return self._of_round(Pair, tables.pairs, round)

    def pair(self, id: str) -> Pair:
        """Raises `NotFound`."""
        return self._one(Pair, tables.pairs, id)

    def _add_by_prompt(self, table: sa.Table, units: Iterable[Preference | Pair]) -> int:
        added = 0
        for chunk in chunks(units):
            with self.database.write() as connection:
                positions = self._positions(connection, (unit.prompt_id for unit in chunk))
                rows = [{**unit.model_dump(), "position": positions[unit.prompt_id]} for unit in chunk]
                added += self._add(connection, table, rows)
        return added

    def _of_round(self, record: type[RecordT], table: sa.Table, round: int) -> Iterator[RecordT]:
        query = sa.select(*columns_of(record, table)).where(table.c.run == self.name, table.c.round == round)
        return self._records(record, query, [table.c.position, table.c.id])
