"""The tables of runs, one for each kind of record, scoped to a run by their primary keys.

Columns bear the names of the records' fields. Three of them are copies: `position` (the prompt's place in the data
set) and, on comparisons, the two sample indices. They never change, and with them each table can be read in the
order of the data set, a page at a time, straight from one index. What runs share stands in `store.judge_tables`. The
migrations in `migrations/versions` make all tables; a test holds that the two agree.
"""

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, Table
from sqlalchemy.schema import SchemaItem

from store.columns import AnyFloat, AnyText, Id, Json, Packed, Utc
from store.schema import count, id_key, integer, metadata, name, refers, run_key, text

runs = Table(
    "runs",
    metadata,
    Column("name", Id, primary_key=True),
    Column("seed", BigInteger, nullable=False),
    name("config_hash"),
    Column("config", Json, nullable=False),
    text("device"),
    Column("created_at", Utc, nullable=False),
)

texts = Table(
    "texts",
    metadata,
    run_key(),
    Column("hash", Id, primary_key=True),
    Column("text", Packed, nullable=False),
)

prompts = Table(
    "prompts",
    metadata,
    run_key(),
    id_key(),
    integer("position"),
    name("split"),
    Column("messages", Json, nullable=False),
    text("source"),
    Column("tags", Json, nullable=False),
    text("reference", null=True),
    Index(None, "run", "split", "position"),
)

samples = Table(
    "samples",
    metadata,
    run_key(),
    id_key(),
    name("prompt_id"),
    name("policy"),
    integer("round"),
    name("purpose"),
    integer("index"),
    Column("seed", BigInteger, nullable=False),
    name("settings"),
    text("text"),
    integer("tokens"),
    name("finish_reason"),
    Column("logprob", Double),
    integer("position"),
    refers("prompt_id", "prompts"),
    Index("ix_samples_order", "run", "round", "purpose", "position", "policy", "index", "id"),
    Index(None, "run", "prompt_id"),
)

comparisons = Table(
    "comparisons",
    metadata,
    run_key(),
    id_key(),
    name("prompt_id"),
    name("first_id"),
    name("second_id"),
    integer("round"),
    name("purpose"),
    name("constitution"),
    Column("principles", Json, nullable=False),
    integer("position"),
    integer("first_index"),
    integer("second_index"),
    refers("prompt_id", "prompts"),
    refers("first_id", "samples"),
    refers("second_id", "samples"),
    Index("ix_comparisons_order", "run", "round", "purpose", "position", "first_index", "second_index", "id"),
    Index(None, "run", "prompt_id"),
)


def _judged() -> list[SchemaItem]:
    """What every kind of verdict says, and of what."""
    return [
        run_key(),
        id_key(),
        name("comparison_id"),
        name("judge"),
        name("template"),
        name("constitution"),
        Column("prompt_hashes", Json, nullable=False),
        Column("p_first", Double),
        Column("p_first_shown_first", Double),
        Column("p_first_shown_second", Double),
    ]


def _spent() -> list[SchemaItem]:
    """What a verdict took, and what was said with it."""
    return [
        text("rationale"),
        text("raw"),
        text("unscored", null=True),
        integer("calls"),
        integer("input_tokens"),
        integer("output_tokens"),
        count("cached_tokens"),
        count("reasoning_tokens"),
        Column("cost_usd", Double),
        refers("comparison_id", "comparisons"),
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
    run_key(),
    id_key(),
    name("prompt_id"),
    integer("round"),
    Column("samples", Json, nullable=False),
    Column("scores", Json, nullable=False),
    Column("cycle", Boolean, nullable=False),
    Column("verdict_ids", Json, nullable=False),
    Column("label_ids", Json, nullable=False),
    integer("position"),
    refers("prompt_id", "prompts"),
    Index("ix_preferences_order", "run", "round", "position", "id"),
    Index(None, "run", "prompt_id"),
)

pairs = Table(
    "pairs",
    metadata,
    run_key(),
    id_key(),
    name("prompt_id"),
    integer("round"),
    name("chosen"),
    name("rejected"),
    Column("margin", Double, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("weight", Double, nullable=False),
    name("source"),
    name("comparison_id"),
    Column("verdict_ids", Json, nullable=False),
    Column("label_ids", Json, nullable=False),
    name("calibration", null=True),
    integer("position"),
    refers("prompt_id", "prompts"),
    refers("chosen", "samples"),
    refers("rejected", "samples"),
    Index("ix_pairs_order", "run", "round", "position", "id"),
    Index(None, "run", "prompt_id"),
)

review_items = Table(
    "review_items",
    metadata,
    run_key(),
    id_key(),
    name("comparison_id"),
    integer("round"),
    name("purpose"),
    name("lane"),
    Column("inclusion_probability", Double, nullable=False),
    Column("seed", BigInteger, nullable=False),
    integer("position"),
    Column("stratum", AnyText, nullable=False, server_default=""),
    Column("reasons", Json, nullable=False, server_default="[]"),
    Column("overlap", Integer, nullable=False, server_default="1"),
    name("repeat_of", null=True),
    Column("wanted", Integer, nullable=False, server_default="1"),
    refers("comparison_id", "comparisons"),
    Index("ix_review_items_order", "run", "round", "purpose", "lane", "position", "id"),
    Index(None, "run", "comparison_id"),
    Index(
        "ix_review_items_wanted",
        "run",
        "round",
        "purpose",
        "position",
        "id",
        sqlite_where=sa.text("wanted > 0"),
        postgresql_where=sa.text("wanted > 0"),
    ),
)
"""`wanted` counts the answers that an item still waits for: a copy, so that the open ones are found from an index."""

labels = Table(
    "labels",
    metadata,
    run_key(),
    id_key(),
    name("item_id"),
    name("comparison_id"),
    name("value"),
    text("reviewer"),
    name("lane"),
    Column("inclusion_probability", Double, nullable=False),
    Column("swapped", Boolean, nullable=False),
    integer("revision"),
    Column("created_at", Utc, nullable=False),
    Column("blind", Boolean, nullable=False, server_default=sa.true()),
    Column("reveal", Id, nullable=False, server_default="never"),
    Column("source", Id, nullable=False, server_default="queue"),
    Column("marks", Json, nullable=False, server_default="{}"),
    Column("reason", AnyText, nullable=False, server_default=""),
    Column("flagged", Boolean, nullable=False, server_default=sa.false()),
    Column("seconds", Double),
    name("key", null=True),
    refers("item_id", "review_items"),
    refers("comparison_id", "comparisons"),
    sa.UniqueConstraint("run", "item_id", "reviewer", "revision"),
    sa.UniqueConstraint("run", "reviewer", "key"),
    Index(None, "run", "comparison_id"),
    Index(None, "run", "reviewer", "created_at"),
    Index(
        "ix_labels_opening",
        "run",
        "reviewer",
        "created_at",
        "id",
        "item_id",
        "comparison_id",
        "source",
        sqlite_where=sa.text("revision = 0"),
        postgresql_where=sa.text("revision = 0"),
    ),
    Index(
        "ix_labels_withdrawn",
        "run",
        "reviewer",
        "item_id",
        "revision",
        sqlite_where=sa.text("value = 'withdrawn'"),
        postgresql_where=sa.text("value = 'withdrawn'"),
    ),
)

skips = Table(
    "skips",
    metadata,
    run_key(),
    Column("item_id", Id, primary_key=True),
    Column("reviewer", AnyText, primary_key=True),
    text("reason"),
    Column("created_at", Utc, nullable=False),
    Column("cause", Id, nullable=False, server_default="other"),
    Column("undone_at", Utc),
    name("key", null=True),
    refers("item_id", "review_items"),
)

claims = Table(
    "claims",
    metadata,
    run_key(),
    Column("item_id", Id, primary_key=True),
    Column("reviewer", AnyText, primary_key=True),
    Column("claimed_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    refers("item_id", "review_items"),
    Index(None, "run", "reviewer"),
)
"""Leases: who is looking at an item. A row goes when its answer comes; one past its time counts for nothing."""

reveals = Table(
    "reveals",
    metadata,
    run_key(),
    Column("comparison_id", Id, primary_key=True),
    Column("reviewer", AnyText, primary_key=True),
    name("how"),
    Column("created_at", Utc, nullable=False),
    refers("comparison_id", "comparisons"),
)
"""Who was shown the verdicts on a comparison, and when: what they say of it afterwards is not blind."""

label_effects = Table(
    "label_effects",
    metadata,
    run_key(),
    id_key(),
    name("label_id"),
    name("comparison_id"),
    text("reviewer"),
    integer("round"),
    name("stage"),
    integer("position"),
    name("effect"),
    name("why"),
    name("subject", null=True),
    Column("detail", Json, nullable=False),
    Column("created_at", Utc, nullable=False),
    refers("label_id", "labels"),
    refers("comparison_id", "comparisons"),
    Index("ix_label_effects_order", "run", "round", "stage", "position", "id"),
    Index("ix_label_effects_reviewer", "run", "reviewer", "round", "stage", "position", "id"),
    Index(None, "run", "comparison_id"),
    Index(None, "run", "label_id"),
    Index(
        "uq_label_effects_pair",
        "run",
        "label_id",
        unique=True,
        sqlite_where=sa.text("stage = 'pair'"),
        postgresql_where=sa.text("stage = 'pair'"),
    ),
)
"""The ledger: what each label changed. A label enters one training set and no other, which the unique index holds."""

checkpoints = Table(
    "checkpoints",
    metadata,
    run_key(),
    id_key(),
    name("sha256"),
    text("path"),
    integer("round"),
    name("parent", null=True),
    name("pairs_sha256", null=True),
    Column("created_at", Utc, nullable=False),
    Index(None, "run", "round"),
)

decisions = Table(
    "decisions",
    metadata,
    run_key(),
    integer("position", key=True),
    integer("round"),
    name("kind"),
    name("policy"),
    name("candidate", null=True),
    name("incumbent", null=True),
    name("judge_only", null=True),
    Column("audited", Boolean, nullable=False),
    text("reason"),
    Column("evidence", Json, nullable=False),
    Column("created_at", Utc, nullable=False),
)

stage_markers = Table(
    "stage_markers",
    metadata,
    run_key(),
    integer("round", key=True),
    Column("stage", Id, primary_key=True),
    Column("seconds", Double, nullable=False),
    Column("counts", Json, nullable=False),
)

metrics = Table(
    "metrics",
    metadata,
    run_key(),
    integer("round", key=True),
    Column("stage", Id, primary_key=True),
    integer("step", key=True),
    Column("name", Id, primary_key=True),
    Column("value", AnyFloat),
)
