"""The tables, one for each kind of record, scoped to a run by their primary keys; what runs share has no run.

Columns bear the names of the records' fields. Three of them are copies: `position` (the prompt's place in the data
set) and, on comparisons, the two sample indices. They never change, and with them each table can be read in the
order of the data set, a page at a time, straight from one index. The migrations in `migrations/versions` make
these tables; a test holds that the two agree.
"""

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Double, ForeignKeyConstraint, Index, Integer, Table
from sqlalchemy.schema import SchemaItem

from store.columns import AnyFloat, AnyText, Id, Json, Packed, Utc

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _run() -> Column[str]:
    return Column("run", Id, sa.ForeignKey("runs.name"), primary_key=True)


def _id() -> Column[str]:
    return Column("id", Id, primary_key=True)


def _int(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, Integer, nullable=False, primary_key=key, autoincrement=False)


def _count(name: str) -> Column[int]:
    """A count that older rows do not have."""
    return Column(name, Integer, nullable=False, server_default="0")


def _name(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Id, nullable=null)


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, AnyText, nullable=null)


def _refers(column: str, table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["run", column], [f"{table}.run", f"{table}.id"])


runs = Table(
    "runs",
    metadata,
    Column("name", Id, primary_key=True),
    Column("seed", BigInteger, nullable=False),
    _name("config_hash"),
    Column("config", Json, nullable=False),
    _text("device"),
    Column("created_at", Utc, nullable=False),
    Column("summary", Json),
)

texts = Table(
    "texts",
    metadata,
    _run(),
    Column("hash", Id, primary_key=True),
    Column("text", Packed, nullable=False),
)

prompts = Table(
    "prompts",
    metadata,
    _run(),
    _id(),
    _int("position"),
    _name("split"),
    Column("messages", Json, nullable=False),
    _text("source"),
    Column("tags", Json, nullable=False),
    _text("reference", null=True),
    Index(None, "run", "split", "position"),
)

samples = Table(
    "samples",
    metadata,
    _run(),
    _id(),
    _name("prompt_id"),
    _name("policy"),
    _int("round"),
    _name("purpose"),
    _int("index"),
    Column("seed", BigInteger, nullable=False),
    _name("settings"),
    _text("text"),
    _int("tokens"),
    _name("finish_reason"),
    Column("logprob", Double),
    _int("position"),
    _refers("prompt_id", "prompts"),
    Index("ix_samples_order", "run", "round", "purpose", "position", "policy", "index", "id"),
    Index(None, "run", "prompt_id"),
)

comparisons = Table(
    "comparisons",
    metadata,
    _run(),
    _id(),
    _name("prompt_id"),
    _name("first_id"),
    _name("second_id"),
    _int("round"),
    _name("purpose"),
    _name("constitution"),
    Column("principles", Json, nullable=False),
    _int("position"),
    _int("first_index"),
    _int("second_index"),
    _refers("prompt_id", "prompts"),
    _refers("first_id", "samples"),
    _refers("second_id", "samples"),
    Index("ix_comparisons_order", "run", "round", "purpose", "position", "first_index", "second_index", "id"),
    Index(None, "run", "prompt_id"),
)


def _judged() -> list[SchemaItem]:
    """What every kind of verdict says, and of what."""
    return [
        _run(),
        _id(),
        _name("comparison_id"),
        _name("judge"),
        _name("template"),
        _name("constitution"),
        Column("prompt_hashes", Json, nullable=False),
        Column("p_first", Double),
        Column("p_first_shown_first", Double),
        Column("p_first_shown_second", Double),
    ]


def _spent() -> list[SchemaItem]:
    """What a verdict took, and what was said with it."""
    return [
        _text("rationale"),
        _text("raw"),
        _text("unscored", null=True),
        _int("calls"),
        _int("input_tokens"),
        _int("output_tokens"),
        _count("cached_tokens"),
        _count("reasoning_tokens"),
        Column("cost_usd", Double),
        _refers("comparison_id", "comparisons"),
        Index(None, "run", "comparison_id", "judge"),
    ]


verdicts = Table(
    "verdicts",
    metadata,
    *_judged(),
    Column("label_mass", Double),
    Column("p_tie", Double),
    Column("disagreement", Double),
    Column("score_first", Double),
    Column("score_second", Double),
    Column("by_principle", Json),
    Column("by_axis", Json),
    *_spent(),
)

shadow_verdicts = Table(
    "shadow_verdicts",
    metadata,
    *_judged(),
    Column("p_tie", Double),
    *_spent(),
)

preferences = Table(
    "preferences",
    metadata,
    _run(),
    _id(),
    _name("prompt_id"),
    _int("round"),
    Column("samples", Json, nullable=False),
    Column("scores", Json, nullable=False),
    Column("cycle", Boolean, nullable=False),
    Column("verdict_ids", Json, nullable=False),
    Column("label_ids", Json, nullable=False),
    _int("position"),
    _refers("prompt_id", "prompts"),
    Index("ix_preferences_order", "run", "round", "position", "id"),
    Index(None, "run", "prompt_id"),
)

pairs = Table(
    "pairs",
    metadata,
    _run(),
    _id(),
    _name("prompt_id"),
    _int("round"),
    _name("chosen"),
    _name("rejected"),
    Column("margin", Double, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("weight", Double, nullable=False),
    _name("source"),
    _name("comparison_id"),
    Column("verdict_ids", Json, nullable=False),
    Column("label_ids", Json, nullable=False),
    _name("calibration", null=True),
    _int("position"),
    _refers("prompt_id", "prompts"),
    _refers("chosen", "samples"),
    _refers("rejected", "samples"),
    Index("ix_pairs_order", "run", "round", "position", "id"),
    Index(None, "run", "prompt_id"),
)

review_items = Table(
    "review_items",
    metadata,
    _run(),
    _id(),
    _name("comparison_id"),
    _int("round"),
    _name("purpose"),
    _name("lane"),
    Column("inclusion_probability", Double, nullable=False),
    Column("seed", BigInteger, nullable=False),
    _int("position"),
    _refers("comparison_id", "comparisons"),
    Index("ix_review_items_order", "run", "round", "purpose", "lane", "position", "id"),
    Index(None, "run", "comparison_id"),
)

labels = Table(
    "labels",
    metadata,
    _run(),
    _id(),
    _name("item_id"),
    _name("comparison_id"),
    _name("value"),
    _text("reviewer"),
    _name("lane"),
    Column("inclusion_probability", Double, nullable=False),
    Column("swapped", Boolean, nullable=False),
    _int("revision"),
    Column("created_at", Utc, nullable=False),
    _refers("item_id", "review_items"),
    _refers("comparison_id", "comparisons"),
    sa.UniqueConstraint("run", "item_id", "reviewer", "revision"),
    Index(None, "run", "comparison_id"),
)

skips = Table(
    "skips",
    metadata,
    _run(),
    Column("item_id", Id, primary_key=True),
    Column("reviewer", AnyText, primary_key=True),
    _text("reason"),
    Column("created_at", Utc, nullable=False),
    _refers("item_id", "review_items"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    _run(),
    _id(),
    _name("sha256"),
    _text("path"),
    _int("round"),
    _name("parent", null=True),
    _name("pairs_sha256", null=True),
    Column("created_at", Utc, nullable=False),
    Index(None, "run", "round"),
)

decisions = Table(
    "decisions",
    metadata,
    _run(),
    _int("position", key=True),
    _int("round"),
    _name("kind"),
    _name("policy"),
    _name("candidate", null=True),
    _name("incumbent", null=True),
    _name("judge_only", null=True),
    Column("audited", Boolean, nullable=False),
    _text("reason"),
    Column("evidence", Json, nullable=False),
    Column("created_at", Utc, nullable=False),
)

stage_markers = Table(
    "stage_markers",
    metadata,
    _run(),
    _int("round", key=True),
    Column("stage", Id, primary_key=True),
    Column("seconds", Double, nullable=False),
    Column("counts", Json, nullable=False),
)

metrics = Table(
    "metrics",
    metadata,
    _run(),
    _int("round", key=True),
    Column("stage", Id, primary_key=True),
    _int("step", key=True),
    Column("name", Id, primary_key=True),
    Column("value", AnyFloat),
)

judge_calls = Table(
    "judge_calls",
    metadata,
    Column("key", Id, primary_key=True),
    _text("endpoint"),
    _name("model"),
    Column("response", sa.LargeBinary, nullable=False),
    _int("size"),
    _int("input_tokens"),
    _int("cached_tokens"),
    _int("output_tokens"),
    _int("reasoning_tokens"),
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
    _name("account"),
    _text("endpoint"),
    _name("model"),
    _name("remote_id", null=True),
    Column("created_at", Utc, nullable=False),
    Column("ended_at", Utc),
    _text("outcome", null=True),
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
    _id(),
    _text("judge"),
    _text("choice"),
    _name("template"),
    _name("constitution"),
    _text("data"),
    _name("data_hash"),
    Column("figures", Json, nullable=False),
    Column("created_at", Utc, nullable=False),
    Index(None, "created_at"),
)

calibrations = Table(
    "calibrations",
    metadata,
    _id(),
    _text("judge"),
    Column("temperature", Double, nullable=False),
    Column("by_principle", Json, nullable=False),
    _int("labels"),
    _text("source"),
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
