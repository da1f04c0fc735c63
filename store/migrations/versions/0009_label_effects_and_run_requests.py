"""What each label changed, and the runs that people asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _effects()
    _requests()


def _effects() -> None:
    op.create_table(
        "label_effects",
        sa.Column("run", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("label_id", ID, nullable=False),
        sa.Column("comparison_id", ID, nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("stage", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("effect", ID, nullable=False),
        sa.Column("why", ID, nullable=False),
        sa.Column("subject", ID, nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_label_effects_run"),
        sa.ForeignKeyConstraint(
            ["run", "label_id"], ["labels.run", "labels.id"], name="fk_label_effects_run_label_id"
        ),
        sa.ForeignKeyConstraint(
            ["run", "comparison_id"],
            ["comparisons.run", "comparisons.id"],
            name="fk_label_effects_run_comparison_id",
        ),
        sa.PrimaryKeyConstraint("run", "id", name="pk_label_effects"),
    )
    order = ["round", "stage", "position", "id"]
    op.create_index("ix_label_effects_order", "label_effects", ["run", *order])
    op.create_index("ix_label_effects_reviewer", "label_effects", ["run", "reviewer", *order])
    op.create_index("ix_label_effects_run_comparison_id", "label_effects", ["run", "comparison_id"])
    op.create_index("ix_label_effects_run_label_id", "label_effects", ["run", "label_id"])
    op.create_index(
        "uq_label_effects_pair",
        "label_effects",
        ["run", "label_id"],
        unique=True,
        sqlite_where=sa.text("stage = 'pair'"),
        postgresql_where=sa.text("stage = 'pair'"),
    )


def _requests() -> None:
    op.create_table(
        "run_requests",
        sa.Column("id", ID, nullable=False),
        sa.Column("source", ID, nullable=False),
        sa.Column("name", ID, nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=True),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("state", ID, nullable=False),
        sa.Column("taken_by", sa.Text(), nullable=True),
        sa.Column("taken_at", TIME, nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["source"], ["runs.name"], name="fk_run_requests_source"),
        sa.PrimaryKeyConstraint("id", name="pk_run_requests"),
    )
    op.create_index("ix_run_requests_state_asked_at_id", "run_requests", ["state", "asked_at", "id"])
    op.create_index("ix_run_requests_source", "run_requests", ["source"])
