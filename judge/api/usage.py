"""What several verdicts or calls took together."""

from collections.abc import Iterable

from store.records import Usage


def total(usages: Iterable[Usage]) -> Usage:
    """The sum. The cost is known where that of every usage with a call is; what made no call costs nothing."""
    calls = [usage for usage in usages if usage.calls]
    costs = [usage.cost_usd for usage in calls]
    known = [cost for cost in costs if cost is not None]
    counts = {
        name: sum(getattr(usage, name) for usage in calls)
        for name in Usage.model_fields
        if name != "cost_usd"
    }
    return Usage(**counts, cost_usd=sum(known) if calls and len(known) == len(costs) else None)
