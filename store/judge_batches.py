"""Batches of judge's requests under way: what was sent off, so that a restart collects it and sends nothing twice.

A batch is written down before it is submitted and keeps the keys of its requests until their answers are in. An answer
is kept, counted and struck off in one transaction, so however often and by whomever a batch is collected, every answer
is counted once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import sqlalchemy as sa

from store import judge_tables
from store.database import Database
from store.judge_calls import JudgeCalls, PaidCall
from store.scope import chunks


@dataclass(frozen=True)
class OpenBatch:
    """A batch whose answers are not all in. `remote_id` is None where it may not have been submitted."""

    id: str
    account: str
    remote_id: str | None
    keys: frozenset[str]


class JudgeBatches:
    """The batches of one database, and the calls that they become."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._calls = JudgeCalls(database)

    def begin(self, account: str, endpoint: str, model: str, keys: Sequence[str]) -> str:
        """Write down a batch that is about to be submitted; its id here."""
        id = f"bat_{uuid4().hex[:20]}"
        with self.database.write() as connection:
            connection.execute(
                sa.insert(judge_tables.judge_batches).values(
                    id=id, account=account, endpoint=endpoint, model=model, created_at=datetime.now(UTC)
                )
            )
            for some in chunks(keys):
                rows = [{"batch": id, "key": key} for key in some]
                connection.execute(sa.insert(judge_tables.judge_batch_calls), rows)
        return id

    def submitted(self, id: str, remote_id: str) -> None:
        """The server has taken the batch and calls it `remote_id`."""
        table = judge_tables.judge_batches
        with self.database.write() as connection:
            connection.execute(sa.update(table).where(table.c.id == id).values(remote_id=remote_id))

    def under_way(self, account: str, endpoint: str, model: str) -> list[OpenBatch]:
        """Batches for this address and model that have not ended, oldest first.

        Of other accounts only those that were submitted: what is being prepared elsewhere is not ours to judge.
        """
        batches, calls = judge_tables.judge_batches, judge_tables.judge_batch_calls
        query = sa.select(batches.c.id, batches.c.account, batches.c.remote_id).where(
            batches.c.endpoint == endpoint,
            batches.c.model == model,
            batches.c.ended_at.is_(None),
            (batches.c.account == account) | batches.c.remote_id.is_not(None),
        )
        with self.database.read() as connection:
            found = connection.execute(query.order_by(batches.c.created_at, batches.c.id)).all()
            return [
                OpenBatch(
                    id,
                    owner,
                    remote_id,
                    frozenset(connection.scalars(sa.select(calls.c.key).where(calls.c.batch == id))),
                )
                for id, owner, remote_id in found
            ]

    def collect(self, batch: OpenBatch, answered: Sequence[PaidCall]) -> None:
        """Keep these answers and count their cost on the batch's account, unless that was done before."""
        table = judge_tables.judge_batch_calls
        for some in chunks(answered):
            keys = [call.key for call in some if call.key is not None]
            with self.database.write() as connection:
                struck = sa.delete(table).where(table.c.batch == batch.id, table.c.key.in_(keys))
                fresh = set(connection.scalars(struck.returning(table.c.key)))
                own = [call for call in some if call.key in fresh]
                self._calls.add_in(connection, batch.account, own)

    def end(self, batch: OpenBatch, outcome: str) -> None:
        """Nothing more will come of the batch; requests without an answer are free to be asked again."""
        batches, calls = judge_tables.judge_batches, judge_tables.judge_batch_calls
        with self.database.write() as connection:
            connection.execute(sa.delete(calls).where(calls.c.batch == batch.id))
            ended = sa.update(batches).where(batches.c.id == batch.id, batches.c.ended_at.is_(None))
            connection.execute(ended.values(ended_at=datetime.now(UTC), outcome=outcome))
