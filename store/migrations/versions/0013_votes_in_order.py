"""A reviewer's votes in the order in which they were first given, and those taken back, from an index each."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_labels_opening",
        "labels",
        ["run", "reviewer", "created_at", "id", "item_id", "comparison_id", "source"],
        sqlite_where=sa.text("revision = 0"),
        postgresql_where=sa.text("revision = 0"),
    )
    op.create_index(
        "ix_labels_withdrawn",
        "labels",
        ["run", "reviewer", "item_id", "revision"],
        sqlite_where=sa.text("value = 'withdrawn'"),
        postgresql_where=sa.text("value = 'withdrawn'"),
    )
