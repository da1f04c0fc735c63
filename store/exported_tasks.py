"""Items that were handed out to be answered in other tools: under a random name, with random sides, both recorded.

Neither is derived from the item: who holds a file with both names and sides could otherwise work out, from the source
and a run's seed, which answer is the candidate's. Exported again, an item keeps its name and sides.
"""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

import sqlalchemy as sa

from store import exchange_tables
from store.scope import RunScope, chunks

_TASKS = exchange_tables.exported_tasks


class ExportedTask(NamedTuple):
    """An item as it left. `swapped` says that the comparison's first sample is on the right."""

    id: str
    item_id: str
    swapped: bool
    created_at: datetime


class ExportedTasks(RunScope):
    """The part of a run's store that holds what was handed out."""

    def export_tasks(self, item_ids: Iterable[str]) -> dict[str, ExportedTask]:
        """Name items for export, where they have no name yet; by item id. Raises `BadUnit` for an unknown item."""
        insert = self.database.insert(_TASKS).on_conflict_do_nothing(index_elements=["run", "item_id"])
        found: dict[str, ExportedTask] = {}
        for chunk in chunks(item_ids):
            rows = [
                {
                    "id": f"task_{secrets.token_hex(10)}", "item_id": item_id,
                    "swapped": bool(secrets.randbits(1)), "created_at": datetime.now(UTC),
                }
                for item_id in chunk
            ]  # fmt: skip
            with self.database.write() as connection:
                self._execute(connection, insert, rows)
                kept = connection.execute(self._query().where(_TASKS.c.item_id.in_(chunk))).all()
            found.update((row.item_id, ExportedTask._make(row)) for row in kept)
        return found

    def exported_tasks(self, ids: Iterable[str]) -> dict[str, ExportedTask]:
        """Those of these names that were given out."""
        found: dict[str, ExportedTask] = {}
        for chunk in chunks(ids):
            with self.database.read() as connection:
                rows = connection.execute(self._query().where(_TASKS.c.id.in_(chunk))).all()
            found.update((row.id, ExportedTask._make(row)) for row in rows)
        return found

    def _query(self) -> sa.Select[tuple[str, str, bool, datetime]]:
        columns = (_TASKS.c.id, _TASKS.c.item_id, _TASKS.c.swapped, _TASKS.c.created_at)
        return sa.select(*columns).where(_TASKS.c.run == self.name)
