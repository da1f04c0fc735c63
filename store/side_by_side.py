"""What two policies said to the same held-out prompts, in the order of the data set."""

from collections.abc import Container
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
        a, b, prompts = tables.samples.alias("one"), tables.samples.alias("other"), tables.prompts
        query = (
            sa.select(
                a.c.position,
                a.c.prompt_id,
                prompts.c.messages,
                sa.func.substr(a.c.text, 1, length, type_=AnyText()).label("one_text"),
                sa.func.substr(b.c.text, 1, length, type_=AnyText()).label("other_text"),
            )
            .join_from(
                a, b, (b.c.run == a.c.run) & (b.c.prompt_id == a.c.prompt_id) & (b.c.index == a.c.index)
            )
            .join(prompts, (prompts.c.run == a.c.run) & (prompts.c.id == a.c.prompt_id))
            .where(
                a.c.run == self.name, a.c.round == one.round, a.c.purpose == "gate", a.c.policy == one.policy
            )
            # A sample's place is its prompt's: said here, so that the other is found by its place and not among all.
            .where(b.c.position == a.c.position)
            .where(b.c.round == other.round, b.c.purpose == "gate", b.c.policy == other.policy)
            .where(a.c.index == 0, a.c.position > sa.bindparam("after"))
            .order_by(a.c.position)
            .limit(limit)
        )
        rows: list[Row[Any]] = []
        with self.database.read() as connection:
            while len(rows) < limit:
                found = connection.execute(query, {"after": after}).all()
                rows += [row for row in found if row.prompt_id not in less]
                if len(found) < limit:
                    break
                after = found[-1].position
        return [
            Both(
                row.position,
                row.prompt_id,
                row.messages[-1]["content"][:length],
                row.one_text,
                row.other_text,
            )
            for row in rows[:limit]
        ]
