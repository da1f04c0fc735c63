"""Scores of answers by themselves, what a judge said of each part of a constitution, and prompts' reference answers."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("prompts", sa.Column("reference", sa.Text(), nullable=True))
    op.add_column("verdicts", sa.Column("score_first", sa.Double(), nullable=True))
    op.add_column("verdicts", sa.Column("score_second", sa.Double(), nullable=True))
    op.add_column("verdicts", sa.Column("by_principle", sa.Text(), nullable=True))
    op.add_column("verdicts", sa.Column("by_axis", sa.Text(), nullable=True))
