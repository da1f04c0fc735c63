"""What was answered to requests that bore a key, so that a repeat is told the same."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "answered_requests",
        sa.Column("account", ID, nullable=False),
        sa.Column("key", ID, nullable=False),
        sa.Column("fingerprint", ID, nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_answered_requests_account"),
        sa.PrimaryKeyConstraint("account", "key", name="pk_answered_requests"),
    )
    op.create_index("ix_answered_requests_expires_at", "answered_requests", ["expires_at"])
