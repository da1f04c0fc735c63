"""Items that were handed out to be answered in other tools."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "exported_tasks",
        sa.Column("run", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("item_id", ID, nullable=False),
        sa.Column("swapped", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_exported_tasks_run"),
        sa.ForeignKeyConstraint(
            ["run", "item_id"],
            ["review_items.run", "review_items.id"],
            name="fk_exported_tasks_run_item_id",
        ),
        sa.PrimaryKeyConstraint("run", "id", name="pk_exported_tasks"),
    )
    op.create_index("ix_exported_tasks_run_item_id", "exported_tasks", ["run", "item_id"], unique=True)
