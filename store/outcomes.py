"""What the verdicts amount to: preferences, and the pairs a candidate is trained on."""

from collections.abc import Iterable, Iterator

import sqlalchemy as sa

from store import tables
from store.records import Pair, Preference, Sample
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

    def pairs_on(self, prompt_ids: Iterable[str], before: int) -> list[Pair]:
        """The pairs of these prompts from rounds before this one, by round, then id."""
        table = tables.pairs
        found: list[Pair] = []
        for some in chunks(sorted(set(prompt_ids))):
            query = sa.select(*columns_of(Pair, table)).where(
                table.c.run == self.name, table.c.round < before
            )
            found += self._all(Pair, query.where(table.c.prompt_id.in_(some)))
        return sorted(found, key=lambda pair: (pair.round, pair.id))

    def samples_of(self, pairs: Iterable[Pair]) -> dict[str, Sample]:
        """The samples of these pairs, by id, whichever round drew them."""
        table = tables.samples
        found: dict[str, Sample] = {}
        for some in chunks(pairs):
            ids = {id for pair in some for id in (pair.chosen, pair.rejected)}
            query = sa.select(*columns_of(Sample, table)).where(table.c.run == self.name, table.c.id.in_(ids))
            found.update((sample.id, sample) for sample in self._all(Sample, query))
        return found

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
