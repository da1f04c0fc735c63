"""The first tables: runs, their units, and how far they have come."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    _runs()
    _texts()
    _prompts()
    _samples()
    _comparisons()
    _verdicts()
    _preferences()
    _pairs()
    _review_items()
    _labels()
    _skips()
    _checkpoints()
    _decisions()
    _stage_markers()
    _metrics()


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("name", ID, nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("config_hash", ID, nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_runs"),
    )


def _texts() -> None:
    op.create_table(
        "texts",
        sa.Column("run", ID, nullable=False),
        sa.Column("hash", ID, nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_texts_run"),
        sa.PrimaryKeyConstraint("run", "hash", name="pk_texts"),
    )


def _prompts() -> None:
    op.create_table(
        "prompts",
        sa.Column("run", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("split", ID, nullable=False),
        sa.Column("messages", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_prompts_run"),
        sa.PrimaryKeyConstraint("run", "id", name="pk_prompts"),
    )
    op.create_index("ix_prompts_run_split_position", "prompts", ["run", "split", "position"])


def _samples() -> None:
    op.create_table(
        "samples",
        sa.Column("run", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("prompt_id", ID, nullable=False),
        sa.Column("policy", ID, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("purpose", ID, nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("settings", ID, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("finish_reason", ID, nullable=False),
        sa.Column("logprob", sa.Double(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run", "prompt_id"], ["prompts.run", "prompts.id"], name="fk_samples_run_prompt_id"
        ),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_samples_run"),
        sa.PrimaryKeyConstraint("run", "id", name="pk_samples"),
    )
    op.create_index(
        "ix_samples_order", "samples", ["run", "round", "purpose", "position", "policy", "index", "id"]
    )
    op.create_index("ix_samples_run_prompt_id", "samples", ["run", "prompt_id"])


def _comparisons() -> None:
    op.create_table(
        "comparisons",
        sa.Column("run", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("prompt_id", ID, nullable=False),
        sa.Column("first_id", ID, nullable=False),
        sa.Column("second_id", ID, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("purpose", ID, nullable=False),
        sa.Column("constitution", ID, nullable=False),
        sa.Column("principles", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("first_index", sa.Integer(), nullable=False),
        sa.Column("second_index", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run", "first_id"], ["samples.run", "samples.id"], name="fk_comparisons_run_first_id"
        ),
        sa.ForeignKeyConstraint(
            ["run", "prompt_id"], ["prompts.run", "prompts.id"], name="fk_comparisons_run_prompt_id"
        ),
        sa.ForeignKeyConstraint(
            ["run", "second_id"], ["samples.run", "samples.id"], name="fk_comparisons_run_second_id"
        ),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_comparisons_run"),
        sa.PrimaryKeyConstraint("run", "id", name="pk_comparisons"),
    )
    op.create_index(
        "ix_comparisons_order",
        "comparisons",
        ["run", "round", "purpose", "position", "first_index", "second_index", "id"],
    )
    op.create_index("ix_comparisons_run_prompt_id", "comparisons", ["run", "prompt_id"])


def _verdicts() -> None:
    op.create_table(
        "verdicts",
        sa.Column("run", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("comparison_id", ID, nullable=False),
        sa.Column("judge", ID, nullable=False),
        sa.Column("template", ID, nullable=False),
        sa.Column("constitution", ID, nullable=False),
        sa.Column("prompt_hashes", sa.Text(), nullable=False),
        sa.Column("p_first", sa.Double(), nullable=True),
        sa.Column("p_first_shown_first", sa.Double(), nullable=True),
        sa.Column("p_first_shown_second", sa.Double(), nullable=True),
        sa.Column("label_mass", sa.Double(), nullable=True),
        sa.Column("rationale", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("unscored", sa.Text(), nullable=True),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run", "comparison_id"],
            ["comparisons.run", "comparisons.id"],
            name="fk_verdicts_run_comparison_id",
        ),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_verdicts_run"),
        sa.PrimaryKeyConstraint("run", "id", name="pk_verdicts"),
    )
    op.create_index("ix_verdicts_run_comparison_id_judge", "verdicts", ["run", "comparison_id", "judge"])


def _preferences() -> None:
    op.create_table(
        "preferences",
        sa.Column("run", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("prompt_id", ID, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("samples", sa.Text(), nullable=False),
        sa.Column("scores", sa.Text(), nullable=False),
        sa.Column("cycle", sa.Boolean(), nullable=False),
        sa.Column("verdict_ids", sa.Text(), nullable=False),
        sa.Column("label_ids", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run", "prompt_id"], ["prompts.run", "prompts.id"], name="fk_preferences_run_prompt_id"
        ),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_preferences_run"),
        sa.PrimaryKeyConstraint("run", "id", name="pk_preferences"),
    )
    op.create_index("ix_preferences_order", "preferences", ["run", "round", "position", "id"])
    op.create_index("ix_preferences_run_prompt_id", "preferences", ["run", "prompt_id"])


def _pairs() -> None:
    op.create_table(
        "pairs",
        sa.Column("run", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("prompt_id", ID, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("chosen", ID, nullable=False),
        sa.Column("rejected", ID, nullable=False),
        sa.Column("margin", sa.Double(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("source", ID, nullable=False),
        sa.Column("comparison_id", ID, nullable=False),
        sa.Column("verdict_ids", sa.Text(), nullable=False),
        sa.Column("label_ids", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run", "chosen"], ["samples.run", "samples.id"], name="fk_pairs_run_chosen"),
        sa.ForeignKeyConstraint(
            ["run", "prompt_id"], ["prompts.run", "prompts.id"], name="fk_pairs_run_prompt_id"
        ),
        sa.ForeignKeyConstraint(
            ["run", "rejected"], ["samples.run", "samples.id"], name="fk_pairs_run_rejected"
        ),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_pairs_run"),
        sa.PrimaryKeyConstraint("run", "id", name="pk_pairs"),
    )
    op.create_index("ix_pairs_order", "pairs", ["run", "round", "position", "id"])
    op.create_index("ix_pairs_run_prompt_id", "pairs", ["run", "prompt_id"])


def _review_items() -> None:
    op.create_table(
        "review_items",
        sa.Column("run", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("comparison_id", ID, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("purpose", ID, nullable=False),
        sa.Column("lane", ID, nullable=False),
        sa.Column("inclusion_probability", sa.Double(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run", "comparison_id"],
            ["comparisons.run", "comparisons.id"],
            name="fk_review_items_run_comparison_id",
        ),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_review_items_run"),
        sa.PrimaryKeyConstraint("run", "id", name="pk_review_items"),
    )
    op.create_index(
        "ix_review_items_order", "review_items", ["run", "round", "purpose", "lane", "position", "id"]
    )
    op.create_index("ix_review_items_run_comparison_id", "review_items", ["run", "comparison_id"])


def _labels() -> None:
    op.create_table(
        "labels",
        sa.Column("run", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("item_id", ID, nullable=False),
        sa.Column("comparison_id", ID, nullable=False),
        sa.Column("value", ID, nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("lane", ID, nullable=False),
        sa.Column("inclusion_probability", sa.Double(), nullable=False),
        sa.Column("swapped", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["run", "comparison_id"],
            ["comparisons.run", "comparisons.id"],
            name="fk_labels_run_comparison_id",
        ),
        sa.ForeignKeyConstraint(
            ["run", "item_id"], ["review_items.run", "review_items.id"], name="fk_labels_run_item_id"
        ),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_labels_run"),
        sa.PrimaryKeyConstraint("run", "id", name="pk_labels"),
        sa.UniqueConstraint(
            "run", "item_id", "reviewer", "revision", name="uq_labels_run_item_id_reviewer_revision"
        ),
    )
    op.create_index("ix_labels_run_comparison_id", "labels", ["run", "comparison_id"])


def _skips() -> None:
    op.create_table(
        "skips",
        sa.Column("run", ID, nullable=False),
        sa.Column("item_id", ID, nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["run", "item_id"], ["review_items.run", "review_items.id"], name="fk_skips_run_item_id"
        ),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_skips_run"),
        sa.PrimaryKeyConstraint("run", "item_id", "reviewer", name="pk_skips"),
    )


def _checkpoints() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("run", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("sha256", ID, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("parent", ID, nullable=True),
        sa.Column("pairs_sha256", ID, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_checkpoints_run"),
        sa.PrimaryKeyConstraint("run", "id", name="pk_checkpoints"),
    )
    op.create_index("ix_checkpoints_run_round", "checkpoints", ["run", "round"])


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("run", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("policy", ID, nullable=False),
        sa.Column("candidate", ID, nullable=True),
        sa.Column("incumbent", ID, nullable=True),
        sa.Column("judge_only", ID, nullable=True),
        sa.Column("audited", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_decisions_run"),
        sa.PrimaryKeyConstraint("run", "position", name="pk_decisions"),
    )


def _stage_markers() -> None:
    op.create_table(
        "stage_markers",
        sa.Column("run", ID, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("stage", ID, nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_stage_markers_run"),
        sa.PrimaryKeyConstraint("run", "round", "stage", name="pk_stage_markers"),
    )


def _metrics() -> None:
    op.create_table(
        "metrics",
        sa.Column("run", ID, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("stage", ID, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("name", ID, nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_metrics_run"),
        sa.PrimaryKeyConstraint("run", "round", "stage", "step", "name", name="pk_metrics"),
    )
