"""What is written again so that a large run can be looked through: a row for every verdict, and figures made once.

Everything here is a copy and can be thrown away: it is made from the other tables by whoever serves the pages (see
`store.catalogue`), never by the loop, so a run pays nothing for being looked at. `seq` numbers the rows of all runs in
the order in which they were written, so a page of a list is a range of it and stays what it is while rows are added.

The words that `store.words` finds in a comparison's texts stand in `catalogue_words`, which the migration alone
makes: a table of SQLite's FTS5 or one with a `tsvector`, whose rows are numbered by `seq`.
"""

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, Table

from store.columns import Id, Json, Utc
from store.schema import integer, metadata, name, refers, run_key, text

_UNSCORED = sa.text("unscored IS NOT NULL")
_LABELLED = sa.text("people IS NOT NULL")

catalogue = Table(
    "catalogue",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("run", Id, sa.ForeignKey("runs.name"), nullable=False),
    name("verdict_id"),
    name("comparison_id"),
    integer("round"),
    name("purpose"),
    Column("confidence", Double),
    Column("flipped", Boolean),
    text("unscored", null=True),
    Column("slot", Double),
    Column("longer", Integer),
    Column("people", Integer),
    text("principles"),
    integer("calls"),
    integer("input_tokens"),
    integer("output_tokens"),
    Column("cost_usd", Double),
    refers("verdict_id", "verdicts"),
    sa.UniqueConstraint("run", "verdict_id"),
    Index(None, "run", "comparison_id"),
    Index("ix_catalogue_unscored", "run", "seq", sqlite_where=_UNSCORED, postgresql_where=_UNSCORED),
    Index("ix_catalogue_people", "run", "seq", sqlite_where=_LABELLED, postgresql_where=_LABELLED),
)
"""`confidence` is the probability of the side the judge prefers, `slot` the mean probability of the answer that was
shown first (one half: the place does not matter), `longer` 1 or 0 for whether the judge prefers the longer answer.

`people` is 1 where the labels that stand agree with the judge, -1 where they overrule it, 0 where one of the two
prefers no side. `principles` are the ids put to the judge, each between spaces.
"""

figures = Table(
    "figures",
    metadata,
    run_key(),
    integer("round", key=True),
    Column("purpose", Id, primary_key=True),
    Column("kind", Id, primary_key=True),
    name("version"),
    Column("final", Boolean, nullable=False),
    Column("value", Json, nullable=False),
    Column("computed_at", Utc, nullable=False),
)
"""`version` names what the value was made from; a `final` one is never made again. Round 0 and no purpose: all."""
