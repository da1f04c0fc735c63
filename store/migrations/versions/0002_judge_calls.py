"""What was asked of external judges: answers, spending, and batches under way. Shared by every run of the store."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    _judge_calls()
    _judge_spending()
    _judge_batches()
    _judge_batch_calls()


def _judge_calls() -> None:
    op.create_table(
        "judge_calls",
        sa.Column("key", ID, nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("model", ID, nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("cached_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("reasoning_tokens", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.Double(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_judge_calls"),
    )
    op.create_index("ix_judge_calls_used_at", "judge_calls", ["used_at"])


def _judge_spending() -> None:
    op.create_table(
        "judge_spending",
        sa.Column("account", ID, nullable=False),
        sa.Column("model", ID, nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("unpriced_calls", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_usd", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("account", "model", name="pk_judge_spending"),
    )


def _judge_batches() -> None:
    op.create_table(
        "judge_batches",
        sa.Column("id", ID, nullable=False),
        sa.Column("account", ID, nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("model", ID, nullable=False),
        sa.Column("remote_id", ID, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_judge_batches"),
    )


def _judge_batch_calls() -> None:
    op.create_table(
        "judge_batch_calls",
        sa.Column("batch", ID, nullable=False),
        sa.Column("key", ID, nullable=False),
        sa.ForeignKeyConstraint(["batch"], ["judge_batches.id"], name="fk_judge_batch_calls_batch"),
        sa.PrimaryKeyConstraint("batch", "key", name="pk_judge_batch_calls"),
    )
    op.create_index("ix_judge_batch_calls_key", "judge_batch_calls", ["key"])
