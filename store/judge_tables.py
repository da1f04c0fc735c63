"""The tables that runs share: what judges were asked and what it cost, and what they were measured to be worth."""

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Double, Index, Table

from store.columns import Id, Json, Utc
from store.schema import id_key, integer, metadata, name, text

judge_calls = Table(
    "judge_calls",
    metadata,
    Column("key", Id, primary_key=True),
    text("endpoint"),
    name("model"),
    Column("response", sa.LargeBinary, nullable=False),
    integer("size"),
    integer("input_tokens"),
    integer("cached_tokens"),
    integer("output_tokens"),
    integer("reasoning_tokens"),
    Column("cost_usd", Double),
    Column("created_at", Utc, nullable=False),
    Column("used_at", Utc, nullable=False),
    Index(None, "used_at"),
)

judge_spending = Table(
    "judge_spending",
    metadata,
    Column("account", Id, primary_key=True),
    Column("model", Id, primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("unpriced_calls", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("cost_usd", Double, nullable=False),
)

judge_batches = Table(
    "judge_batches",
    metadata,
    Column("id", Id, primary_key=True),
    name("account"),
    text("endpoint"),
    name("model"),
    name("remote_id", null=True),
    Column("created_at", Utc, nullable=False),
    Column("ended_at", Utc),
    text("outcome", null=True),
)

judge_batch_calls = Table(
    "judge_batch_calls",
    metadata,
    Column("batch", Id, sa.ForeignKey("judge_batches.id"), primary_key=True),
    Column("key", Id, primary_key=True),
    Index(None, "key"),
)

evaluations = Table(
    "evaluations",
    metadata,
    id_key(),
    text("judge"),
    text("choice"),
    name("template"),
    name("constitution"),
    text("data"),
    name("data_hash"),
    Column("figures", Json, nullable=False),
    Column("created_at", Utc, nullable=False),
    Index(None, "created_at"),
)

calibrations = Table(
    "calibrations",
    metadata,
    id_key(),
    text("judge"),
    Column("temperature", Double, nullable=False),
    Column("by_principle", Json, nullable=False),
    integer("labels"),
    text("source"),
    Column("figures", Json, nullable=False),
    Column("created_at", Utc, nullable=False),
    Index(None, "created_at"),
)

judge_endpoints = Table(
    "judge_endpoints",
    metadata,
    Column("endpoint", Id, primary_key=True),
    Column("model", Id, primary_key=True),
    Column("found", Json, nullable=False),
    Column("probed_at", Utc, nullable=False),
)
