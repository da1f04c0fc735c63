"""The table of runs that people asked for on a page or by the API, and that a process has yet to play."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, Integer, Table

from store.columns import Id, Utc
from store.schema import id_key, metadata, name, text

run_requests = Table(
    "run_requests",
    metadata,
    id_key(),
    Column("source", Id, sa.ForeignKey("runs.name"), nullable=False),
    name("name"),
    Column("rounds", Integer),
    text("asked_by"),
    Column("asked_at", Utc, nullable=False),
    name("state"),
    text("taken_by", null=True),
    Column("taken_at", Utc),
    Column("ended_at", Utc),
    text("outcome"),
    Index(None, "state", "asked_at", "id"),
    Index(None, "source"),
)
