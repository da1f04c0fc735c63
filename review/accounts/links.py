"""One-time links: the first account, an invitation with a role, a new password. Used once, within their time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import sqlalchemy as sa

from review.accounts.errors import BadLink
from review.accounts.journal import Actor, Journal
from review.accounts.roles import Role
from review.accounts.roster import Account
from review.accounts.secret import digest, new_id, new_secret
from store.database import Database
from store.people_tables import invitations

Purpose = Literal["setup", "invite", "reset"]
LIFETIMES: Final[dict[Purpose, timedelta]] = {
    "setup": timedelta(hours=24),
    "invite": timedelta(days=7),
    "reset": timedelta(hours=24),
}


@dataclass(frozen=True)
class Link:
    """What a one-time link is for; `account_id` is whose password it resets."""

    id: str
    purpose: Purpose
    role: Role
    account_id: str | None
    made_by: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None


_COLUMNS: Final = [invitations.c[name] for name in Link.__dataclass_fields__]


class Links:
    """The one-time links of a store."""

    def __init__(self, database: Database, clock: Callable[[], datetime], journal: Journal) -> None:
        self._database = database
        self._clock = clock
        self._journal = journal

    def make(
        self, purpose: Purpose, role: Role, by: Actor, account: Account | None = None
    ) -> tuple[Link, str]:
        """A new link and its secret, which is not kept. An older link to set up, or to reset the same account, ends."""
        now, secret = self._clock(), new_secret()
        owner = account.id if account else None
        made = Link(new_id("inv"), purpose, role, owner, by.name, now, now + LIFETIMES[purpose])
        with self._database.together() as connection:
            if purpose != "invite":
                older = invitations.update().where(
                    invitations.c.purpose == purpose,
                    invitations.c.account_id == owner if owner else invitations.c.account_id.is_(None),
                    invitations.c.ended_at.is_(None),
                )
                connection.execute(older.values(ended_at=now))
            connection.execute(invitations.insert(), {**vars(made), "secret_hash": digest(secret)})
            self._journal.record(by, f"link.{purpose}", account.name if account else made.id, role=role)
        return made, secret

    def find(self, secret: str) -> Link:
        """The link of this secret, if it can be used. Raises BadLink."""
        query = sa.select(*_COLUMNS).where(
            invitations.c.secret_hash == digest(secret),
            invitations.c.ended_at.is_(None),
            invitations.c.expires_at > self._clock(),
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise BadLink("This link was used, has expired, or was never made. Ask for a new one.")
        return Link(**row._mapping)

    def use(self, link: Link, account_id: str) -> None:
        """Mark it used, in the transaction of what it is used for. Raises BadLink where another was first."""
        change = (
            invitations.update()
            .where(invitations.c.id == link.id, invitations.c.ended_at.is_(None))
            .values(ended_at=self._clock(), used_by=account_id)
        )
        with self._database.write() as connection:
            if connection.execute(change).rowcount != 1:
                raise BadLink("This link was used, has expired, or was never made. Ask for a new one.")

    def open(self) -> list[Link]:
        """Those that can still be used, the newest first."""
        query = (
            sa.select(*_COLUMNS)
            .where(invitations.c.ended_at.is_(None), invitations.c.expires_at > self._clock())
            .order_by(invitations.c.created_at.desc(), invitations.c.id)
        )
        with self._database.read() as connection:
            return [Link(**row._mapping) for row in connection.execute(query)]

    def withdraw(self, id: str, by: Actor) -> None:
        """Make a link useless; one that is so already stays so."""
        change = invitations.update().where(invitations.c.id == id, invitations.c.ended_at.is_(None))
        with self._database.together() as connection:
            if connection.execute(change.values(ended_at=self._clock())).rowcount:
                self._journal.record(by, "link.withdraw", id)
