"""Fill the store with a judge's verdicts.

A local judge is asked in fixed chunks, and a chunk with anything missing is asked whole: its probabilities
depend, in the last digits, on what shares their batch, and a resumed run must repeat them exactly. An external
judge is asked only what has no verdict yet, and each verdict is committed moments after it arrives: it cost money.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from judge.api.activity import total_figures
from judge.contract import Judge
from loop.arrivals import arrivals
from loop.context import RunContext
from loop.progress import Bar
from loop.watching import keep_figures, watching
from store.records import Checkpoint, Comparison, Purpose, Verdict

CHUNK = 512


@dataclass(frozen=True)
class Judging:
    """How a judge, made when it is first needed, fills a part of the store with its verdicts.

    `scores` reads the comparison and `p_first` of each verdict there is, `add` takes new ones. `one_by_one` is for
    judges whose verdicts do not depend on what shares their batch. `keep` is given the judge's figures before and
    after its work, where it tells any.
    """

    make: Callable[[], Judge]
    one_by_one: bool
    scores: Callable[[], Iterable[tuple[str, float | None]]]
    add: Callable[[list[Verdict]], object]
    keep: Callable[[Mapping[str, float], Mapping[str, float]], None] | None = None

    @classmethod
    def of(cls, run: RunContext, incumbent: Checkpoint, index: int, purpose: Purpose) -> Self:
        """By the judge of the run, of the comparisons of one round and purpose."""
        return cls(
            make=lambda: run.judge(incumbent),
            one_by_one=run.config.judge.kind == "api",
            scores=lambda: run.store.scores(index, purpose),
            add=run.store.add_verdicts,
            keep=lambda before, after: keep_figures(run.store, index, purpose, before, after),
        )

    @cached_property
    def judge(self) -> Judge:
        return self.make()

    def fill(
        self, ids: Collection[str], comparisons: Callable[[], Iterable[Comparison]], bar: Bar | None = None
    ) -> None:
        """Each of these stored comparisons has a verdict in the store afterwards, scored or unscored.

        `comparisons` gives them in a fixed order, each time it is called; `ids` are theirs. Where every one has a
        verdict already nobody is asked; else those that were left unscored are asked again along with the rest.
        Raises `judge.errors.JudgeStopped` where the judge cannot go on; the verdicts so far are kept.
        """
        there = {id: p_first for id, p_first in self.scores() if id in ids}
        advance = bar.advance if bar else _nothing
        if len(there) == len(ids):
            advance(len(ids))
            return
        before = total_figures(self.judge)
        try:
            if self.one_by_one:
                advance(len(there))
                missing = (c for c in comparisons() if there.get(c.id) is None)
                asyncio.run(self._commit_each(missing, there, advance, bar))
                return
            for chunk in _chunks(comparisons()):
                if any(comparison.id not in there for comparison in chunk):
                    asyncio.run(self._commit_together(chunk, bar))
                advance(len(chunk))
        finally:
            if self.keep and (after := total_figures(self.judge)):
                self.keep(before, after)

    async def _commit_each(
        self,
        comparisons: Iterable[Comparison],
        there: Collection[str],
        advance: Callable[[int], None],
        bar: Bar | None,
    ) -> None:
        async with watching(self.judge, bar), arrivals(self.add) as arrived:
            async for verdict in self.judge.compare(comparisons):
                await arrived.add(verdict)
                advance(verdict.comparison_id not in there)

    async def _commit_together(self, comparisons: list[Comparison], bar: Bar | None) -> None:
        async with watching(self.judge, bar):
            self.add([verdict async for verdict in self.judge.compare(comparisons)])


def judge_all(run: RunContext, incumbent: Checkpoint, index: int, purpose: Purpose, title: str) -> None:
    """Every stored comparison of the round and purpose has a verdict afterwards; see `Judging.fill`."""

    def comparisons() -> Iterator[Comparison]:
        return run.store.comparisons(index, purpose)

    ids = {comparison.id for comparison in comparisons()}
    if ids == {id for id, _ in run.store.scores(index, purpose)}:
        return
    with run.progress.stage(title, len(ids), "comparisons") as bar:
        Judging.of(run, incumbent, index, purpose).fill(ids, comparisons, bar)


def _nothing(units: int) -> None:
    del units


def _chunks(comparisons: Iterable[Comparison]) -> Iterator[list[Comparison]]:
    chunk: list[Comparison] = []
    for comparison in comparisons:
        chunk.append(comparison)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
