"""The table of requests that were answered: what was said to whom, so that a repeat is told the same."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, Table

from store.columns import Id, Packed, Utc
from store.schema import metadata, name

answered_requests = Table(
    "answered_requests",
    metadata,
    Column("account", Id, sa.ForeignKey("accounts.id"), primary_key=True),
    Column("key", Id, primary_key=True),
    name("fingerprint"),
    Column("answer", Packed, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Index(None, "expires_at"),
)
