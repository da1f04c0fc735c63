"""What judges were measured to be worth: evaluations, and the calibrations learned from labels."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    _evaluations()
    _calibrations()
    op.add_column("pairs", sa.Column("calibration", ID, nullable=True))


def _evaluations() -> None:
    op.create_table(
        "evaluations",
        sa.Column("id", ID, nullable=False),
        sa.Column("judge", sa.Text(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("template", ID, nullable=False),
        sa.Column("constitution", ID, nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("data_hash", ID, nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_evaluations"),
    )
    op.create_index("ix_evaluations_created_at", "evaluations", ["created_at"])


def _calibrations() -> None:
    op.create_table(
        "calibrations",
        sa.Column("id", ID, nullable=False),
        sa.Column("judge", sa.Text(), nullable=False),
        sa.Column("temperature", sa.Double(), nullable=False),
        sa.Column("by_principle", sa.Text(), nullable=False),
        sa.Column("labels", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_calibrations"),
    )
    op.create_index("ix_calibrations_created_at", "calibrations", ["created_at"])
