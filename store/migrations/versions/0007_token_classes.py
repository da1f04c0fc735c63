"""Tokens that a provider had cached, and tokens that a model thought with, in verdicts."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("verdicts", "shadow_verdicts"):
        for name in ("cached_tokens", "reasoning_tokens"):
            op.add_column(table, sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
