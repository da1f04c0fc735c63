"""API tokens: what a program shows instead of a person's session. Scoped, expiring, shown once."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from review.accounts.errors import TooMuch
from review.accounts.journal import Actor, Journal
from review.accounts.roles import SCOPES, Scope
from review.accounts.roster import Account
from review.accounts.secret import digest, new_id, new_secret
from store.database import Database
from store.errors import StoreBusy
from store.people_tables import accounts, api_tokens

MARK: Final = "rlaif_"
"""Every token begins with it, so that a scanner for leaked secrets knows one."""
LONGEST: Final = timedelta(days=365)
MOST: Final = 50
_SHOWN: Final = len(MARK) + 6
_NOTED: Final = timedelta(minutes=1)
_LONGEST_NAME: Final = 80


@dataclass(frozen=True)
class ApiToken:
    """What is known of a token once it was shown; `prefix` is its beginning."""

    id: str
    account_id: str
    prefix: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    ended_at: datetime | None = None


_COLUMNS: Final = [api_tokens.c[name] for name in ApiToken.__dataclass_fields__]
_OWNER: Final = [accounts.c[name].label(f"owner_{name}") for name in Account.__dataclass_fields__]


class ApiTokens:
    """The API tokens of a store."""

    def __init__(self, database: Database, clock: Callable[[], datetime], journal: Journal) -> None:
        self._database = database
        self._clock = clock
        self._journal = journal

    def make(
        self, account: Account, name: str, scopes: Sequence[Scope], lifetime: timedelta, by: Actor
    ) -> tuple[ApiToken, str]:
        """A new token and its secret, which is not kept. Raises TooMuch, ValueError for a bad scope or lifetime."""
        if not scopes or set(scopes) - set(SCOPES) or not timedelta(0) < lifetime <= LONGEST:
            raise ValueError("A token needs at least one scope, and lives for a year at most.")
        if len(self.usable(account.id)) >= MOST:
            raise TooMuch(f"An account has {MOST} tokens at most. Revoke some first.")
        now, secret = self._clock(), MARK + new_secret()
        kept = tuple(scope for scope in SCOPES if scope in scopes)
        named = name.strip()[:_LONGEST_NAME]
        made = ApiToken(new_id("tok"), account.id, secret[:_SHOWN], named, kept, now, now + lifetime)
        with self._database.together() as connection:
            row = {**vars(made), "scopes": list(kept), "secret_hash": digest(secret)}
            connection.execute(api_tokens.insert(), row)
            self._journal.record(by, "token.create", made.prefix, name=named, scopes=list(kept))
        return made, secret

    def find(self, secret: str) -> tuple[ApiToken, Account] | None:
        """The usable token of this secret and whose it is."""
        query = (
            sa.select(*_COLUMNS, *_OWNER)
            .join(accounts, accounts.c.id == api_tokens.c.account_id)
            .where(
                api_tokens.c.secret_hash == digest(secret),
                api_tokens.c.ended_at.is_(None),
                accounts.c.disabled_at.is_(None),
            )
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        found, now = _token(row), self._clock()
        if now >= found.expires_at:
            return None
        if found.used_at is None or now - found.used_at > _NOTED:
            with suppress(StoreBusy), self._database.write() as connection:
                connection.execute(api_tokens.update().where(api_tokens.c.id == found.id).values(used_at=now))
        owner = {name: row._mapping[f"owner_{name}"] for name in Account.__dataclass_fields__}
        return found, Account(**owner)

    def usable(self, account_id: str) -> list[ApiToken]:
        """Those of an account that are neither revoked nor expired, the newest first."""
        query = (
            sa.select(*_COLUMNS)
            .where(
                api_tokens.c.account_id == account_id,
                api_tokens.c.ended_at.is_(None),
                api_tokens.c.expires_at > self._clock(),
            )
            .order_by(api_tokens.c.created_at.desc(), api_tokens.c.id)
        )
        with self._database.read() as connection:
            return [_token(row) for row in connection.execute(query)]

    def revoke(self, account_id: str, by: Actor, *, only: str | None = None) -> int:
        """Revoke the tokens of an account, or one of them. How many there were."""
        change = api_tokens.update().where(
            api_tokens.c.account_id == account_id, api_tokens.c.ended_at.is_(None)
        )
        if only is not None:
            change = change.where(api_tokens.c.id == only)
        with self._database.together() as connection:
            ended = connection.execute(
                change.values(ended_at=self._clock()).returning(api_tokens.c.prefix)
            ).scalars()
            prefixes = list(ended)
            for prefix in prefixes:
                self._journal.record(by, "token.revoke", prefix)
        return len(prefixes)


def _token(row: "sa.Row[tuple[object, ...]]") -> ApiToken:
    values = {name: row._mapping[name] for name in ApiToken.__dataclass_fields__}
    return ApiToken(**{**values, "scopes": tuple(values["scopes"])})
