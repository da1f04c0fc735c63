"""How much a page leaves out because it is withheld from its reader: counted by round and purpose, and by nothing else.

A count that followed a search would tell what the judge had said of what is left out.
"""

from datetime import UTC, datetime

import sqlalchemy as sa

from store import tables
from store.review_items import WANTED
from store.run import RunStore

_ITEMS, _CLAIMS, _LABELS, _REVEALS = tables.review_items, tables.claims, tables.labels, tables.reveals


def comparisons_left_out(
    run: RunStore, account: str, round: int | None = None, purpose: str | None = None
) -> int:
    """How many comparisons of the run, or of a round or purpose of it, are withheld from the account."""
    ids = _withheld(run, account, round, purpose).subquery()
    with run.database.read() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(ids)) or 0


def prompts_left_out(run: RunStore, account: str) -> set[str]:
    """The held-out prompts that have a comparison of two policies that is withheld from the account."""
    comparisons = tables.comparisons
    query = sa.select(comparisons.c.prompt_id).where(
        comparisons.c.run == run.name, comparisons.c.id.in_(_withheld(run, account, None, "gate"))
    )
    with run.database.read() as connection:
        return set(connection.scalars(query))


def _withheld(
    run: RunStore, account: str, round: int | None, purpose: str | None
) -> sa.CompoundSelect[tuple[str]]:
    """The ids that `review.blinding.withheld` holds of: its cases one by one, each from an index."""
    about = [_ITEMS.c.run == run.name]
    if round is not None:
        about.append(_ITEMS.c.round == round)
    if purpose is not None:
        about.append(_ITEMS.c.purpose == purpose)
    waiting = sa.select(_ITEMS.c.comparison_id).where(*about, WANTED)
    held = (
        sa.select(_ITEMS.c.comparison_id)
        .join(_CLAIMS, (_CLAIMS.c.run == _ITEMS.c.run) & (_CLAIMS.c.item_id == _ITEMS.c.id))
        .where(_CLAIMS.c.run == run.name, _CLAIMS.c.reviewer == account)
        .where(*about, _CLAIMS.c.expires_at > datetime.now(UTC))
    )
    answered = (
        sa.select(_ITEMS.c.comparison_id)
        .join(_LABELS, (_LABELS.c.run == _ITEMS.c.run) & (_LABELS.c.item_id == _ITEMS.c.id))
        .where(_LABELS.c.run == run.name, _LABELS.c.reviewer == account)
        .where(*about, _LABELS.c.source.in_(("queue", "late")))
    )
    shown = sa.select(_REVEALS.c.comparison_id).where(
        _REVEALS.c.run == run.name, _REVEALS.c.reviewer == account
    )
    concerned = sa.union(waiting, held, answered).subquery()
    return sa.except_(sa.select(concerned.c.comparison_id), shown)
