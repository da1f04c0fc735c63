"""The tables of people who use the pages: who they are, how they come in, and what they did.

No secret is kept as it is: passwords as argon2 hashes, links, sessions and tokens as SHA-256 of 256 random bits. An
account's name is what labels bear as their reviewer, so it never changes and no account is ever deleted, only
disabled. Rows of the audit log are neither changed nor removed: triggers in the database refuse it.
"""

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Index, Integer, Table

from store.columns import Id, Json, Utc
from store.schema import id_key, metadata, name, text

accounts = Table(
    "accounts",
    metadata,
    id_key(),
    text("name"),
    Column("folded", Id, nullable=False, unique=True),
    name("role"),
    text("password_hash"),
    Column("preferences", Json, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("disabled_at", Utc),
)
"""`folded` is the name as it is compared: two accounts cannot differ by case or by look-alike forms alone."""

sessions = Table(
    "sessions",
    metadata,
    id_key(),
    Column("account_id", Id, sa.ForeignKey("accounts.id"), nullable=False),
    Column("secret_hash", Id, nullable=False, unique=True),
    Column("created_at", Utc, nullable=False),
    Column("used_at", Utc, nullable=False),
    Column("ended_at", Utc),
    text("address"),
    text("agent"),
    Index(None, "account_id"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    id_key(),
    Column("account_id", Id, sa.ForeignKey("accounts.id"), nullable=False),
    Column("secret_hash", Id, nullable=False, unique=True),
    name("prefix"),
    text("name"),
    Column("scopes", Json, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("used_at", Utc),
    Column("ended_at", Utc),
    Index(None, "account_id"),
)

invitations = Table(
    "invitations",
    metadata,
    id_key(),
    Column("secret_hash", Id, nullable=False, unique=True),
    name("purpose"),
    name("role"),
    Column("account_id", Id, sa.ForeignKey("accounts.id")),
    text("made_by"),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("ended_at", Utc),
    Column("used_by", Id, sa.ForeignKey("accounts.id")),
)
"""One-time links: to make the first account, to make another, or (`account_id`) to set a new password."""

login_attempts = Table(
    "login_attempts",
    metadata,
    Column("id", Id, primary_key=True),
    name("subject"),
    Column("at", Utc, nullable=False),
    Index(None, "subject", "at"),
    Index(None, "at"),
)
"""Attempts to log in that did not succeed (yet), by what they are counted under: account, address, both."""

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", Utc, nullable=False),
    text("actor"),
    name("action"),
    text("subject"),
    Column("detail", Json, nullable=False),
    text("address"),
    Index(None, "at"),
)
