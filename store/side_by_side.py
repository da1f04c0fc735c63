"""What two policies said to the same held-out prompts, in the order of the data set."""

from collections.abc import Container, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Row

from store import tables
from store.columns import AnyText
from store.scope import RunScope


class Spoken(NamedTuple):
    """A policy's answers in one round's gate."""

    round: int
    policy: str


class Both(NamedTuple):
    """A prompt (its last turn) with the two answers; the texts are beginnings."""

    position: int
    prompt_id: str
    prompt: str
    one: str
    other: str


class SideBySide(RunScope):
    """Answers of one run beside each other."""

    def page(
        self,
        one: Spoken,
        other: Spoken,
        *,
        after: int = -1,
        limit: int = 20,
        length: int = 4_000,
        less: Container[str] = (),
    ) -> list[Both]:
        """Prompts behind the position `after` that both answered, without those whose id is in `less`."""
        found: list[Both] = []
        while len(found) < limit:
            ones = self._spoken(one, tables.samples.c.position > after, length, limit)
            places = [row.position for row in ones if row.prompt_id not in less]
            others = {
                row.position: row
                for row in self._spoken(other, tables.samples.c.position.in_(places), length)
            }
            found += [
                Both(
                    row.position,
                    row.prompt_id,
                    row.messages[-1]["content"][:length],
                    row.beginning,
                    others[row.position].beginning,
                )
                for row in ones
                if row.position in others
            ]
            if len(ones) < limit:
                break
            after = ones[-1].position
        return found[:limit]

    def _spoken(
        self, by: Spoken, where: sa.ColumnElement[bool], length: int, limit: int | None = None
    ) -> Sequence[Row[Any]]:
        """Answers with their prompts. A sample's place is its prompt's, and the index of samples has it in order."""
        samples, prompts = tables.samples, tables.prompts
        query = (
            sa.select(
                samples.c.position,
                samples.c.prompt_id,
                prompts.c.messages,
                sa.func.substr(samples.c.text, 1, length, type_=AnyText()).label("beginning"),
            )
            .join(prompts, (prompts.c.run == samples.c.run) & (prompts.c.id == samples.c.prompt_id))
            .where(samples.c.run == self.name, samples.c.round == by.round, samples.c.purpose == "gate")
            .where(where, samples.c.policy == by.policy, samples.c.index == 0)
            .order_by(samples.c.position)
            .limit(limit)
        )
        with self.database.read() as connection:
            return connection.execute(query).all()
