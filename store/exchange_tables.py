"""What left the house to be answered elsewhere."""

from sqlalchemy import Boolean, Column, Index, Table

from store.columns import Utc
from store.schema import id_key, metadata, name, refers, run_key

exported_tasks = Table(
    "exported_tasks",
    metadata,
    run_key(),
    id_key(),
    name("item_id"),
    Column("swapped", Boolean, nullable=False),
    Column("created_at", Utc, nullable=False),
    refers("item_id", "review_items"),
    Index(None, "run", "item_id", unique=True),
)
"""The names and sides under which items were exported: nobody can tell the item, or what was first, from a name."""
