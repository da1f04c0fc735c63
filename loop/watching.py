"""What a judge on an API is doing, told in the progress line while it works and kept as metrics afterwards.

A judge that waits for a server that is busy looks like one that hangs. So its state stands beside the count of
verdicts and is renewed every second, whether or not a verdict arrives.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from judge.api.activity import LOWEST, Activity, activities
from judge.contract import Judge
from loop.progress import Bar
from store.records import Purpose
from store.run import RunStore

EVERY_S = 1.0


@asynccontextmanager
async def watching(judge: Judge, bar: Bar | None) -> AsyncIterator[None]:
    """Tell `bar` what `judge` is doing while the block runs, where the judge says it."""
    watched = activities(judge)
    if bar is None or not watched:
        yield
        return
    telling = asyncio.create_task(_tell(watched, bar))
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        bar.note("")


async def _tell(watched: Sequence[Activity], bar: Bar) -> None:
    while True:
        await asyncio.sleep(EVERY_S)
        bar.note(" | ".join(activity.line() for activity in watched))


def keep_figures(
    store: RunStore, index: int, purpose: Purpose, before: Mapping[str, float], after: Mapping[str, float]
) -> None:
    """Add what a judge did between two looks at its figures to the metrics of the stage it worked for."""
    stage = "judge" if purpose == "train" else "gate"
    kept = {name: value for _, name, value in store.metrics(index, stage)}
    for name, value in after.items():
        if name == LOWEST:
            kept[name] = min(value, kept.get(name, value))
        else:
            kept[name] = kept.get(name, 0.0) + value - before.get(name, 0.0)
    store.add_metrics(index, stage, [(0, name, kept[name]) for name in after])
