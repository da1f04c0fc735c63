"""What tables are made of: one metadata with names for every constraint, and the columns that occur again and again."""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKeyConstraint, Integer

from store.columns import AnyText, Id

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def run_key() -> Column[str]:
    return Column("run", Id, sa.ForeignKey("runs.name"), primary_key=True)


def id_key() -> Column[str]:
    return Column("id", Id, primary_key=True)


def integer(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, Integer, nullable=False, primary_key=key, autoincrement=False)


def count(name: str) -> Column[int]:
    """A count that older rows do not have."""
    return Column(name, Integer, nullable=False, server_default="0")


def name(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Id, nullable=null)


def text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, AnyText, nullable=null)


def refers(column: str, table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["run", column], [f"{table}.run", f"{table}.id"])
