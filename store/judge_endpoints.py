"""What was found out about an endpoint and model by asking, kept so that it is asked once; the last finding counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from store import judge_tables
from store.database import Database


@dataclass(frozen=True)
class FoundEndpoint:
    """`found` is JSON in terms of whoever asked."""

    endpoint: str
    model: str
    found: Mapping[str, Any]
    probed_at: datetime


class JudgeEndpoints:
    """The endpoints that one database knows of."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def find(self, endpoint: str, model: str) -> FoundEndpoint | None:
        """What was found last about this model at this endpoint (a base URL); None where nobody asked."""
        table = judge_tables.judge_endpoints
        query = sa.select(table).where(table.c.endpoint == endpoint, table.c.model == model)
        with self.database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else FoundEndpoint(**row._mapping)

    def keep(self, endpoint: str, model: str, found: Mapping[str, Any]) -> FoundEndpoint:
        """Keep a finding in place of an earlier one."""
        kept = FoundEndpoint(endpoint, model, dict(found), datetime.now(UTC))
        changed = {"found": kept.found, "probed_at": kept.probed_at}
        add = self.database.insert(judge_tables.judge_endpoints).values(
            endpoint=endpoint, model=model, **changed
        )
        with self.database.write() as connection:
            connection.execute(add.on_conflict_do_update(index_elements=["endpoint", "model"], set_=changed))
        return kept
