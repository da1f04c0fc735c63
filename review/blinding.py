"""What is withheld from whom: one rule, as a condition for queries and as an answer for one comparison.

A comparison is withheld from an account while people are still to answer it, from when the account was given it until
it gives it back (a lease that ran out is not given back: its answer may be on the way), and after the account answered
it; until its verdicts were shown to that account on purpose (`reveals`). Only so is an answer that is called blind
given by somebody who had seen no verdict, revisions included; an answer to what was not withheld is not called so.
Nothing about a withheld comparison that the judge said, nor its lane, margin, policies or sides, may reach the account.
"""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from store import tables
from store.review_items import WANTED
from store.run import RunStore
from store.scope import chunks

_ITEMS, _CLAIMS, _LABELS, _REVEALS = tables.review_items, tables.claims, tables.labels, tables.reveals


def revealed_to(
    run: str | sa.ColumnElement[Any], account: str, comparison_id: sa.ColumnElement[Any]
) -> sa.ColumnElement[bool]:
    """Whether the account was shown the verdicts on the comparison: a condition for a query on comparisons."""
    return sa.exists().where(
        _REVEALS.c.run == run, _REVEALS.c.comparison_id == comparison_id, _REVEALS.c.reviewer == account
    )


def withheld(
    run: str | sa.ColumnElement[Any], account: str, comparison_id: sa.ColumnElement[Any]
) -> sa.ColumnElement[bool]:
    """Whether the comparison is withheld from the account: a condition for a query on comparisons."""
    items = _ITEMS.alias("withheld_items")
    claims = _CLAIMS.alias("withheld_claims")
    held = sa.exists().where(
        claims.c.run == items.c.run,
        claims.c.item_id == items.c.id,
        claims.c.reviewer == account,
    )
    wanted = sa.exists().where(
        items.c.run == run, items.c.comparison_id == comparison_id, (items.c.wanted > 0) | held
    )
    answered = sa.exists().where(
        _LABELS.c.run == run,
        _LABELS.c.comparison_id == comparison_id,
        _LABELS.c.reviewer == account,
        _LABELS.c.source.in_(("queue", "late")),
    )
    return (wanted | answered) & ~revealed_to(run, account, comparison_id)


def withheld_ids(store: RunStore, account: str, comparison_ids: Iterable[str] | None = None) -> set[str]:
    """The comparisons of a run that are withheld from the account; of `comparison_ids` only, where they are given."""
    with store.database.read() as connection:
        if comparison_ids is None:
            return set(connection.scalars(_all_withheld(store.name, account)))
        comparisons = tables.comparisons
        condition = withheld(store.name, account, comparisons.c.id)
        found: set[str] = set()
        for chunk in chunks(comparison_ids):
            query = sa.select(comparisons.c.id).where(
                comparisons.c.run == store.name, comparisons.c.id.in_(chunk), condition
            )
            found.update(connection.scalars(query))
    return found


def withheld_count(store: RunStore, account: str) -> int:
    """How many comparisons of a run are withheld from the account."""
    query = sa.select(sa.func.count()).select_from(_all_withheld(store.name, account).subquery())
    with store.database.read() as connection:
        return connection.scalar(query) or 0


def _all_withheld(run: str, account: str) -> sa.Select[tuple[str]]:
    """The ids of all that `withheld` holds of: its three cases one by one, each from an index."""
    waiting = sa.select(_ITEMS.c.comparison_id).where(_ITEMS.c.run == run, WANTED)
    given = sa.select(_CLAIMS.c.item_id).where(_CLAIMS.c.run == run, _CLAIMS.c.reviewer == account)
    held = sa.select(_ITEMS.c.comparison_id).where(_ITEMS.c.run == run, _ITEMS.c.id.in_(given))
    answered = sa.select(_LABELS.c.comparison_id).where(
        _LABELS.c.run == run, _LABELS.c.reviewer == account, _LABELS.c.source.in_(("queue", "late"))
    )
    concerned = sa.union(waiting, held, answered).subquery()
    id = concerned.c.comparison_id
    return sa.select(id).where(~revealed_to(run, account, id))


def is_withheld(store: RunStore, account: str, comparison_id: str) -> bool:
    """Whether one comparison is withheld from the account."""
    return bool(withheld_ids(store, account, [comparison_id]))
