"""Fill the store with the judge's verdicts on a round's comparisons.

A local judge is asked in fixed chunks, and a chunk with anything missing is asked whole: its probabilities
depend, in the last digits, on what shares their batch, and a resumed run must repeat them exactly. An external
judge is asked only what has no verdict yet, and each verdict is committed as it arrives: it cost money.
"""

import asyncio
from collections.abc import Iterable, Iterator

from judge.contract import Judge
from loop.context import RunContext
from loop.progress import Bar
from store.records import Checkpoint, Comparison, Purpose

CHUNK = 512


def judge_all(run: RunContext, incumbent: Checkpoint, index: int, purpose: Purpose, title: str) -> None:
    """Every comparison of the round and purpose has a verdict in the store afterwards, scored or unscored.

    Raises `judge.errors.JudgeStopped` where the judge cannot go on; the verdicts so far are kept.
    """
    total = sum(1 for _ in run.store.comparisons(index, purpose))
    done = {verdict.comparison_id for verdict in run.store.verdicts(index, purpose)}
    if len(done) == total:
        return
    judge = run.judge(incumbent)
    with run.progress.stage(title, total, "comparisons") as bar:
        if run.config.judge.kind == "api":
            bar.move_to(len(done))
            asyncio.run(_commit_each(run, judge, run.store.unjudged(index, purpose, judge.name), bar))
            return
        for chunk in _chunks(run.store.comparisons(index, purpose)):
            if any(comparison.id not in done for comparison in chunk):
                asyncio.run(_commit_together(run, judge, chunk))
            bar.advance(len(chunk))


async def _commit_each(run: RunContext, judge: Judge, comparisons: Iterable[Comparison], bar: Bar) -> None:
    async for verdict in judge.compare(comparisons):
        run.store.add_verdicts([verdict])
        bar.advance(1)


async def _commit_together(run: RunContext, judge: Judge, comparisons: list[Comparison]) -> None:
    run.store.add_verdicts([verdict async for verdict in judge.compare(comparisons)])


def _chunks(comparisons: Iterable[Comparison]) -> Iterator[list[Comparison]]:
    chunk: list[Comparison] = []
    for comparison in comparisons:
        chunk.append(comparison)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
