"""A row for every verdict that a list can be read from, words to search it by, and figures that are made once."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)
UNSCORED = sa.text("unscored IS NOT NULL")
LABELLED = sa.text("people IS NOT NULL")


def upgrade() -> None:
    _catalogue()
    _words()
    op.create_table(
        "figures",
        sa.Column("run", ID, nullable=False),
        sa.Column("round", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("purpose", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("version", ID, nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("computed_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_figures_run"),
        sa.PrimaryKeyConstraint("run", "round", "purpose", "kind", name="pk_figures"),
    )


def _catalogue() -> None:
    op.create_table(
        "catalogue",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True),
        sa.Column("run", ID, nullable=False),
        sa.Column("verdict_id", ID, nullable=False),
        sa.Column("comparison_id", ID, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("purpose", ID, nullable=False),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("flipped", sa.Boolean(), nullable=True),
        sa.Column("unscored", sa.Text(), nullable=True),
        sa.Column("slot", sa.Double(), nullable=True),
        sa.Column("longer", sa.Integer(), nullable=True),
        sa.Column("people", sa.Integer(), nullable=True),
        sa.Column("principles", sa.Text(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["runs.name"], name="fk_catalogue_run"),
        sa.ForeignKeyConstraint(
            ["run", "verdict_id"], ["verdicts.run", "verdicts.id"], name="fk_catalogue_run_verdict_id"
        ),
        sa.PrimaryKeyConstraint("seq", name="pk_catalogue"),
        sa.UniqueConstraint("run", "verdict_id", name="uq_catalogue_run_verdict_id"),
    )
    op.create_index("ix_catalogue_run_comparison_id", "catalogue", ["run", "comparison_id"])
    for name, where in (("ix_catalogue_unscored", UNSCORED), ("ix_catalogue_people", LABELLED)):
        op.create_index(name, "catalogue", ["run", "seq"], sqlite_where=where, postgresql_where=where)


def _words() -> None:
    if op.get_context().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE catalogue_words USING fts5"
            "(words, content='', columnsize=0, detail=none, tokenize=\"unicode61 remove_diacritics 0\")"
        )
        return
    op.execute("CREATE TABLE catalogue_words (seq BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)")
    op.execute("CREATE INDEX ix_catalogue_words ON catalogue_words USING gin (words)")
