"""What the endpoints of external judges were found to take, by model."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "judge_endpoints",
        sa.Column("endpoint", ID, nullable=False),
        sa.Column("model", ID, nullable=False),
        sa.Column("found", sa.Text(), nullable=False),
        sa.Column("probed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("endpoint", "model", name="pk_judge_endpoints"),
    )
