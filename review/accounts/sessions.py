"""Who is logged in: a random secret in a cookie, its hash in the store, ended by idleness, age, or hand."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from review.accounts.roster import Account
from review.accounts.secret import digest, new_id, new_secret
from store.database import Database
from store.errors import StoreBusy
from store.people_tables import accounts, sessions

IDLE: Final = timedelta(hours=12)
LIFETIME: Final = timedelta(days=7)
_NOTED: Final = timedelta(minutes=1)
"""How old `used_at` may get before it is written anew: reading a page need not write."""
_KEPT: Final = timedelta(days=30)
_LONGEST_AGENT: Final = 200


@dataclass(frozen=True)
class Session:
    """A browser that is (or was) logged in."""

    id: str
    account_id: str
    created_at: datetime
    used_at: datetime
    ended_at: datetime | None
    address: str
    agent: str


_COLUMNS: Final = [sessions.c[name] for name in Session.__dataclass_fields__]
_OWNER: Final = [accounts.c[name].label(f"owner_{name}") for name in Account.__dataclass_fields__]


class Sessions:
    """The sessions of a store."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def begin(self, account_id: str, address: str, agent: str) -> tuple[Session, str]:
        """A new session and its secret, which is not kept."""
        now, secret = self._clock(), new_secret()
        made = Session(new_id("ses"), account_id, now, now, None, address, agent[:_LONGEST_AGENT])
        with self._database.write() as connection:
            connection.execute(sessions.delete().where(sessions.c.used_at < now - LIFETIME - _KEPT))
            connection.execute(sessions.insert(), {**vars(made), "secret_hash": digest(secret)})
        return made, secret

    def find(self, secret: str) -> tuple[Session, Account] | None:
        """The running session of this secret and whose it is; None where there is none (any more)."""
        query = (
            sa.select(*_COLUMNS, *_OWNER)
            .join(accounts, accounts.c.id == sessions.c.account_id)
            .where(
                sessions.c.secret_hash == digest(secret),
                sessions.c.ended_at.is_(None),
                accounts.c.disabled_at.is_(None),
            )
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        values = row._mapping
        found = Session(**{name: values[name] for name in Session.__dataclass_fields__})
        now = self._clock()
        if not self._running(found, now):
            return None
        if now - found.used_at > _NOTED:
            # That a page was looked at is no reason to fail while the database is busy.
            with suppress(StoreBusy), self._database.write() as connection:
                connection.execute(sessions.update().where(sessions.c.id == found.id).values(used_at=now))
        return found, Account(**{name: values[f"owner_{name}"] for name in Account.__dataclass_fields__})

    def running(self, account_id: str) -> list[Session]:
        """Those of an account that could still be used, the last used first."""
        query = (
            sa.select(*_COLUMNS)
            .where(sessions.c.account_id == account_id, sessions.c.ended_at.is_(None))
            .order_by(sessions.c.used_at.desc(), sessions.c.id)
        )
        now = self._clock()
        with self._database.read() as connection:
            found = [Session(**row._mapping) for row in connection.execute(query)]
        return [session for session in found if self._running(session, now)]

    def last_used(self) -> dict[str, datetime]:
        """When each account was last there, of those whose sessions are still kept."""
        query = sa.select(sessions.c.account_id, sa.func.max(sessions.c.used_at)).group_by(
            sessions.c.account_id
        )
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def end(self, account_id: str, *, only: str | None = None, but: str | None = None) -> int:
        """End the sessions of an account: all, `only` one, or all `but` one. How many there were."""
        change = sessions.update().where(sessions.c.account_id == account_id, sessions.c.ended_at.is_(None))
        if only is not None:
            change = change.where(sessions.c.id == only)
        if but is not None:
            change = change.where(sessions.c.id != but)
        with self._database.write() as connection:
            return connection.execute(change.values(ended_at=self._clock())).rowcount

    @staticmethod
    def _running(session: Session, now: datetime) -> bool:
        return now - session.used_at < IDLE and now - session.created_at < LIFETIME
