"""The audit log: who did what, when and from where. Rows are only ever added; the database refuses anything else.

Written in the transaction of what it tells of, so neither is there without the other. Answers of reviewers are not in
it (labels say who and when by themselves), nor anything secret.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from store.database import Database
from store.people_tables import audit_log

_LONGEST = 300
"""Characters of a subject or a value: what is typed into a form must not fill the log."""


class Actor(NamedTuple):
    """Who acts: an account's name (or the operator at the command line), and from which address."""

    name: str
    address: str = ""


class Entry(NamedTuple):
    """One thing that was done."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    address: str


class Journal:
    """The audit log of a store."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def record(self, by: Actor, action: str, subject: str = "", **detail: Any) -> None:
        """Add a row: `action` is a noun and a verb (`account.disable`), `subject` what it was done to."""
        row = {
            "at": self._clock(),
            "actor": by.name,
            "action": action,
            "subject": subject[:_LONGEST],
            "detail": {
                key: value[:_LONGEST] if isinstance(value, str) else value for key, value in detail.items()
            },
            "address": by.address,
        }
        with self._database.write() as connection:
            connection.execute(audit_log.insert(), row)

    def entries(
        self, *, before: int | None = None, actor: str = "", action: str = "", limit: int = 50
    ) -> list[Entry]:
        """The newest rows first, from below `before`; of one actor or one action where given."""
        query = sa.select(audit_log).order_by(audit_log.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(audit_log.c.id < before)
        if actor:
            query = query.where(audit_log.c.actor == actor)
        if action:
            query = query.where(audit_log.c.action == action)
        with self._database.read() as connection:
            return [Entry(**row._mapping) for row in connection.execute(query)]

    def actions(self) -> list[str]:
        """Every action there is a row of, in order."""
        with self._database.read() as connection:
            return list(
                connection.scalars(sa.select(audit_log.c.action).distinct().order_by(audit_log.c.action))
            )
