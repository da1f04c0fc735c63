"""What the verdicts of a run took, by round: sums over its stored verdicts, made by the database."""

from dataclasses import dataclass

import sqlalchemy as sa

from store import tables
from store.run import RunStore


@dataclass(frozen=True)
class VerdictUsage:
    """`cost_usd` is None where the price of a verdict that took calls is not known."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None


def usage_by_round(store: RunStore) -> dict[int, VerdictUsage]:
    """Calls, tokens and money of each round's verdicts, both purposes together; rounds without calls are left out."""
    comparisons, verdicts = tables.comparisons, tables.verdicts
    asked = verdicts.c.calls > 0
    query = (
        sa.select(
            comparisons.c.round,
            sa.func.sum(verdicts.c.calls),
            sa.func.sum(verdicts.c.input_tokens),
            sa.func.sum(verdicts.c.output_tokens),
            sa.func.sum(verdicts.c.cost_usd),
            sa.func.count(verdicts.c.cost_usd) == sa.func.count(),
        )
        .join_from(
            verdicts,
            comparisons,
            (comparisons.c.run == verdicts.c.run) & (comparisons.c.id == verdicts.c.comparison_id),
        )
        .where(verdicts.c.run == store.name, asked)
        .group_by(comparisons.c.round)
    )
    with store.database.read() as connection:
        rows = connection.execute(query).all()
    return {
        index: VerdictUsage(int(calls), int(given), int(made), float(cost) if all_known else None)
        for index, calls, given, made, cost, all_known in rows
    }
