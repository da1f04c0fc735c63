"""The accounts: names, roles, passwords, preferences. None is ever deleted, because labels bear their names."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from review.accounts.errors import BadName, LastAdmin, NameTaken, TooMuch, UnknownAccount
from review.accounts.journal import Actor, Journal
from review.accounts.roles import Role
from review.accounts.secret import new_id
from store.database import Database
from store.people_tables import accounts

_NAME: Final = re.compile(r"\w[\w.@-]{0,39}")
_NOT_PEOPLE: Final = ("simulated", "operator", "rlaif")
_MOST_PREFERENCES: Final = 8192  # characters of JSON


@dataclass(frozen=True)
class Account:
    """A person who may log in. `name` is what labels bear as their reviewer."""

    id: str
    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None = None
    preferences: dict[str, Any] = field(default_factory=dict)
    password_hash: str = field(default="", repr=False)


_COLUMNS: Final = [accounts.c[name] for name in Account.__dataclass_fields__]


def folded(name: str) -> str:
    """The name as names are compared."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _written(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip())


class Roster:
    """The accounts of a store."""

    def __init__(self, database: Database, clock: Callable[[], datetime], journal: Journal) -> None:
        self._database = database
        self._clock = clock
        self._journal = journal

    def __len__(self) -> int:
        with self._database.read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(accounts)).scalar_one())

    def all(self) -> list[Account]:
        """Every account by name."""
        with self._database.read() as connection:
            query = sa.select(*_COLUMNS).order_by(accounts.c.folded)
            return [Account(**row._mapping) for row in connection.execute(query)]

    def named(self, name: str) -> Account | None:
        """The account of this name, however it is written; None where no account can have such a name."""
        name = _written(name)
        return self._one(accounts.c.folded == folded(name)) if _NAME.fullmatch(name) else None

    def get(self, id: str) -> Account:
        """Raises UnknownAccount."""
        found = self._one(accounts.c.id == id)
        if found is None:
            raise UnknownAccount("There is no such account.")
        return found

    def add(self, name: str, role: Role, password_hash: str, by: Actor) -> Account:
        """Raises BadName, NameTaken."""
        name = _written(name)
        if _NAME.fullmatch(name) is None or folded(name) in _NOT_PEOPLE:
            raise BadName("A name has 1 to 40 letters, digits, dots, dashes or underscores.")
        made = Account(new_id("acc"), name, role, self._clock(), password_hash=password_hash)
        with self._database.together() as connection:
            values = {**vars(made), "folded": folded(name)}
            add = self._database.insert(accounts).on_conflict_do_nothing(index_elements=["folded"])
            added = connection.execute(add, values, execution_options={"preserve_rowcount": True})
            if added.rowcount != 1:
                raise NameTaken("There is an account of this name.")
            self._journal.record(by, "account.create", name, role=role)
        return made

    def set_password_hash(self, id: str, password_hash: str) -> None:
        self._set(id, password_hash=password_hash)

    def prefer(self, id: str, **values: Any) -> dict[str, Any]:
        """Set preferences of an account by name (None takes one away), and return all. Raises TooMuch."""
        with self._database.together():
            kept = {**self.get(id).preferences, **values}
            kept = {key: value for key, value in kept.items() if value is not None}
            if len(str(kept)) > _MOST_PREFERENCES:
                raise TooMuch("These preferences are too long to be kept.")
            self._set(id, preferences=kept)
        return kept

    def set_role(self, id: str, role: Role, by: Actor) -> Account:
        """Raises UnknownAccount, LastAdmin."""
        with self._database.together():
            account = self.get(id)
            if role != account.role:
                self._keep_an_admin(account)
                self._set(id, role=role)
                self._journal.record(by, "account.role", account.name, before=account.role, role=role)
            return self.get(id)

    def disable(self, id: str, by: Actor) -> Account:
        """Raises UnknownAccount, LastAdmin."""
        with self._database.together():
            account = self.get(id)
            if account.disabled_at is None:
                self._keep_an_admin(account)
                self._set(id, disabled_at=self._clock())
                self._journal.record(by, "account.disable", account.name)
            return self.get(id)

    def enable(self, id: str, by: Actor) -> Account:
        """Raises UnknownAccount."""
        with self._database.together():
            account = self.get(id)
            if account.disabled_at is not None:
                self._set(id, disabled_at=None)
                self._journal.record(by, "account.enable", account.name)
            return self.get(id)

    def _keep_an_admin(self, leaving: Account) -> None:
        if leaving.role != "admin" or leaving.disabled_at is not None:
            return
        # Locked where rows can be: two admins who disable each other at once must not both succeed.
        admins = (
            sa.select(accounts.c.id)
            .where(accounts.c.role == "admin", accounts.c.disabled_at.is_(None))
            .order_by(accounts.c.id)
            .with_for_update()
        )
        with self._database.read() as connection:
            if connection.execute(admins).scalars().all() == [leaving.id]:
                raise LastAdmin("This is the only admin. Make another one first.")

    def _set(self, id: str, **values: Any) -> None:
        with self._database.write() as connection:
            connection.execute(accounts.update().where(accounts.c.id == id).values(**values))

    def _one(self, condition: sa.ColumnElement[bool]) -> Account | None:
        with self._database.read() as connection:
            row = connection.execute(sa.select(*_COLUMNS).where(condition)).one_or_none()
        return None if row is None else Account(**row._mapping)
