"""How often somebody may try to log in, counted in the store, so that every process on it counts together.

An attempt takes its place before the password is looked at, and gives it back when it was right: a thousand attempts
at once are no way around the limit. Failures are counted by account and address together (few), by address (more) and
by account (more still, so that nobody is locked out by a stranger who mistypes on purpose a few times). Names are
counted whether or not there is such an account. Of an IPv6 address the first half counts: who has one has 2^64 of them.
"""

import ipaddress
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from review.accounts.errors import TooManyAttempts
from review.accounts.roster import folded
from review.accounts.secret import digest, new_id
from store.database import Database
from store.people_tables import login_attempts

WINDOW: Final = timedelta(minutes=15)
LIMITS: Final = {"both": 5, "address": 30, "account": 50}
_LOCK: Final = 0x6C6F67696E  # a PostgreSQL advisory lock's number; any constant of our own


class Attempts:
    """The attempts of the last quarter of an hour."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def begin(self, name: str, address: str) -> None:
        """Take a place. Raises TooManyAttempts where none is left."""
        now = self._clock()
        start = now - WINDOW
        with self._database.write() as connection:
            if self._database.dialect == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            connection.execute(login_attempts.delete().where(login_attempts.c.at <= start))
            for kind, subject in _subjects(name, address).items():
                query = (
                    sa.select(login_attempts.c.at)
                    .where(login_attempts.c.subject == subject)
                    .order_by(login_attempts.c.at.desc())
                    .limit(1)
                    .offset(LIMITS[kind] - 1)
                )
                oldest = connection.execute(query).scalar_one_or_none()
                if oldest is not None:
                    seconds = max(1, round((oldest + WINDOW - now).total_seconds()))
                    raise TooManyAttempts("Too many failed attempts. Try again later.", seconds)
            connection.execute(
                login_attempts.insert(),
                [
                    {"id": new_id("try"), "subject": subject, "at": now}
                    for subject in _subjects(name, address).values()
                ],
            )

    def succeed(self, name: str, address: str) -> None:
        """Forget this account's failures from this address, and one of each other count."""
        subjects = _subjects(name, address)
        with self._database.write() as connection:
            connection.execute(login_attempts.delete().where(login_attempts.c.subject == subjects["both"]))
            for kind in ("address", "account"):
                newest = (
                    sa.select(login_attempts.c.id)
                    .where(login_attempts.c.subject == subjects[kind])
                    .order_by(login_attempts.c.at.desc(), login_attempts.c.id)
                    .limit(1)
                )
                connection.execute(login_attempts.delete().where(login_attempts.c.id.in_(newest)))


def _subjects(name: str, address: str) -> dict[str, str]:
    """Hashed: a name field sometimes holds a password."""
    account, address = digest(folded(name)), _network(address)
    return {
        "both": digest(f"both {account} {address}"),
        "address": digest(f"address {address}"),
        "account": digest(f"account {account}"),
    }


def _network(address: str) -> str:
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address):
        return str(known.ipv4_mapped or ipaddress.ip_network((known, 64), strict=False))
    return str(known)
