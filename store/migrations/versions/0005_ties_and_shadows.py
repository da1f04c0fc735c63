"""Ties and the disagreement of panels in verdicts; the verdicts of judges that only shadow another."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("verdicts", sa.Column("p_tie", sa.Double(), nullable=True))
    op.add_column("verdicts", sa.Column("disagreement", sa.Double(), nullable=True))
    op.create_table(
        "shadow_verdicts",
        sa.Column("run", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("comparison_id", ID, nullable=False),
        sa.Column("judge", ID, nullable=False),
        sa.Column("template", ID, nullable=False),
        sa.Column("constitution", ID, nullable=False),
        sa.Column("prompt_hashes", sa.Text(), nullable=False),
        sa.Column("p_first", sa.Double(), nullable=True),
        sa.Column("p_first_shown_first", sa.Double(), nullable=True),
        sa.Column("p_first_shown_second", sa.Double(), nullable=True),
        sa.Column("p_tie", sa.Double(), nullable=True),
        sa.Column("rationale", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("unscored", sa.Text(), nullable=True),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_shadow_verdicts_run"),
        sa.ForeignKeyConstraint(
            ["run", "comparison_id"],
            ["comparisons.run", "comparisons.id"],
            name="fk_shadow_verdicts_run_comparison_id",
        ),
        sa.PrimaryKeyConstraint("run", "id", name="pk_shadow_verdicts"),
    )
    op.create_index(
        "ix_shadow_verdicts_run_comparison_id_judge", "shadow_verdicts", ["run", "comparison_id", "judge"]
    )
