"""A request is done once, however often it is sent: the doing and the answer are one transaction.

The key's row is written first, and not committed before the work is. A repeat that comes meanwhile, to this process or
another, waits on the database (SQLite's write lock, PostgreSQL's unique index) and is then told the first one's
answer; where the first failed or its process died, nothing of it stayed and the repeat does the work. So there is no
state "in flight" to be left behind by a crash and waited out. A refusal is not kept: the same request may succeed
later.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store.database import Database
from store.errors import KeyReused
from store.once_tables import answered_requests

KEPT = timedelta(hours=48)
_SWEPT = 20
"""Rows past their time that each new one takes away."""


class Answered(NamedTuple):
    """What was answered, and whether it had been given before."""

    answer: str
    replayed: bool


def once(database: Database, account: str, key: str, fingerprint: str, work: Callable[[], str]) -> Answered:
    """Do `work` unless this account has sent this key before, and keep its answer; or the answer that was kept.

    `fingerprint` tells one request from another; all that `work` does in the database must go through the store on
    this thread. Raises `KeyReused`, and what `work` raises.
    """
    with database.together() as connection:
        row = {
            "account": account, "key": key, "fingerprint": fingerprint, "answer": "",
            "expires_at": datetime.now(UTC) + KEPT,
        }  # fmt: skip
        mine = (answered_requests.c.account == account) & (answered_requests.c.key == key)
        add = database.insert(answered_requests).on_conflict_do_nothing(index_elements=["account", "key"])
        added = connection.execute(add, [row], execution_options={"preserve_rowcount": True}).rowcount
        if not added:
            kept = connection.execute(sa.select(answered_requests).where(mine)).one()
            if kept.fingerprint != fingerprint:
                raise KeyReused(f"the key {key!r} was used for another request. Use a new one for each.")
            return Answered(kept.answer, replayed=True)
        answer = work()
        connection.execute(sa.update(answered_requests).where(mine).values(answer=answer))
        _sweep(connection)
        return Answered(answer, replayed=False)


def _sweep(connection: Connection) -> None:
    """Take a few old answers away. PostgreSQL's other sweepers are passed by, not waited for."""
    keys = (answered_requests.c.account, answered_requests.c.key)
    old = sa.select(*keys).where(answered_requests.c.expires_at < datetime.now(UTC))
    old = old.order_by(answered_requests.c.expires_at).limit(_SWEPT).with_for_update(skip_locked=True)
    gone = connection.execute(old).all()
    if gone:
        connection.execute(
            sa.delete(answered_requests).where(sa.tuple_(*keys).in_([tuple(one) for one in gone]))
        )
