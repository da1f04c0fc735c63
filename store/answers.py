"""Prompts and the samples that answer them, in the order of the data set."""

from collections.abc import Iterable, Iterator
from itertools import count

import sqlalchemy as sa

from store import tables
from store.records import Prompt, Purpose, Sample, Split
from store.scope import RunScope, chunks, columns_of


class Answers(RunScope):
    """The part of a run's store that holds prompts and samples."""

    def add_prompts(self, prompts: Iterable[Prompt]) -> int:
        """Add prompts after those already there, keeping their order; how many were new. All of them, or none."""
        table = tables.prompts
        added = 0
        with self.database.write() as connection:
            self._lock(connection)
            last = connection.scalar(sa.select(sa.func.max(table.c.position)).where(table.c.run == self.name))
            place = count(0 if last is None else last + 1)
            for chunk in chunks(prompts):
                rows = [{**prompt.model_dump(), "position": next(place)} for prompt in chunk]
                added += self._add(connection, table, rows)
        return added

    def prompts(self, split: Split) -> Iterator[Prompt]:
        """The prompts of a split in the order of the data set."""
        table = tables.prompts
        query = sa.select(*columns_of(Prompt, table)).where(table.c.run == self.name, table.c.split == split)
        return self._records(Prompt, query, [table.c.position])

    def prompt(self, id: str) -> Prompt:
        """Raises `NotFound`."""
        return self._one(Prompt, tables.prompts, id)

    def add_samples(self, samples: Iterable[Sample]) -> int:
        """Add samples of stored prompts; how many were new. Committed every few hundred.

        Raises `BadUnit` for a sample of a prompt that is not stored.
        """
        added = 0
        for chunk in chunks(samples):
            with self.database.write() as connection:
                positions = self._positions(connection, (sample.prompt_id for sample in chunk))
                rows = [{**sample.model_dump(), "position": positions[sample.prompt_id]} for sample in chunk]
                added += self._add(connection, tables.samples, rows)
        return added

    def samples(self, round: int, purpose: Purpose, policy: str | None = None) -> Iterator[Sample]:
        """Samples by prompt order, policy and index; `policy` (a revision) narrows them to its own."""
        table = tables.samples
        query = sa.select(*columns_of(Sample, table)).where(
            table.c.run == self.name, table.c.round == round, table.c.purpose == purpose
        )
        if policy is not None:
            query = query.where(table.c.policy == policy)
        return self._records(Sample, query, [table.c.position, table.c.policy, table.c.index, table.c.id])

    def sample(self, id: str) -> Sample:
        """Raises `NotFound`."""
        return self._one(Sample, tables.samples, id)
