"""People's work on the queue: strata, overlap and repeats of items, leases, reveals, and all that a label says."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _items()
    _labels()
    op.add_column("skips", sa.Column("cause", ID, nullable=False, server_default="other"))
    op.add_column("skips", sa.Column("undone_at", TIME, nullable=True))
    op.add_column("skips", sa.Column("key", ID, nullable=True))
    _claims()
    _reveals()
    op.drop_column("runs", "summary")


def _items() -> None:
    for column in (
        sa.Column("stratum", sa.Text(), nullable=False, server_default=""),
        sa.Column("reasons", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("overlap", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("repeat_of", ID, nullable=True),
        sa.Column("wanted", sa.Integer(), nullable=False, server_default="1"),
    ):
        op.add_column("review_items", column)
    op.execute(
        "UPDATE review_items SET wanted = 0 WHERE EXISTS (SELECT 1 FROM labels"
        " WHERE labels.run = review_items.run AND labels.item_id = review_items.id)"
    )
    for table in ("review_items", "labels"):
        op.execute(f"UPDATE {table} SET lane = 'targeted' WHERE lane = 'uncertain'")
    op.create_index(
        "ix_review_items_wanted",
        "review_items",
        ["run", "round", "purpose", "position", "id"],
        sqlite_where=sa.text("wanted > 0"),
        postgresql_where=sa.text("wanted > 0"),
    )


def _labels() -> None:
    for column in (
        sa.Column("blind", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("reveal", ID, nullable=False, server_default="never"),
        sa.Column("source", ID, nullable=False, server_default="queue"),
        sa.Column("marks", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("flagged", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("key", ID, nullable=True),
    ):
        op.add_column("labels", column)
    with op.batch_alter_table("labels") as labels:
        labels.create_unique_constraint("uq_labels_run_reviewer_key", ["run", "reviewer", "key"])
    op.create_index("ix_labels_run_reviewer_created_at", "labels", ["run", "reviewer", "created_at"])


def _claims() -> None:
    op.create_table(
        "claims",
        sa.Column("run", ID, nullable=False),
        sa.Column("item_id", ID, nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("claimed_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["run", "item_id"], ["review_items.run", "review_items.id"], name="fk_claims_run_item_id"
        ),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_claims_run"),
        sa.PrimaryKeyConstraint("run", "item_id", "reviewer", name="pk_claims"),
    )
    op.create_index("ix_claims_run_reviewer", "claims", ["run", "reviewer"])


def _reveals() -> None:
    op.create_table(
        "reveals",
        sa.Column("run", ID, nullable=False),
        sa.Column("comparison_id", ID, nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("how", ID, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["run", "comparison_id"],
            ["comparisons.run", "comparisons.id"],
            name="fk_reveals_run_comparison_id",
        ),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_reveals_run"),
        sa.PrimaryKeyConstraint("run", "comparison_id", "reviewer", name="pk_reveals"),
    )
