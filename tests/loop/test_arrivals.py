"""Verdicts that arrive one by one are in the store moments later, whatever becomes of the judging."""

import asyncio
import threading
import time

import pytest

from loop.arrivals import MOST, arrivals
from store.records import Verdict


def verdict(number: int) -> Verdict:
    return Verdict(comparison_id=f"c{number}", judge="j", template="t", constitution="c", p_first=0.5)


class Kept:
    """A store that takes its time: `batches` are the comparisons committed together."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[int] = set()
        self._seconds = seconds

    def commit(self, verdicts: list[Verdict]) -> None:
        time.sleep(self._seconds)
        self.threads.add(threading.get_ident())
        self.batches.append([v.comparison_id for v in verdicts])

    @property
    def ids(self) -> list[str]:
        return [id for batch in self.batches for id in batch]


def test_what_arrives_within_a_moment_is_committed_together_in_another_thread() -> None:
    kept = Kept()

    async def play() -> list[list[str]]:
        async with arrivals(kept.commit) as arrived:
            for number in range(20):
                await arrived.add(verdict(number))
            await asyncio.sleep(1.0)
            return list(kept.batches)

    assert asyncio.run(play()) == [[f"c{n}" for n in range(20)]]
    assert threading.get_ident() not in kept.threads


def test_what_arrives_during_a_commit_is_in_a_later_one_and_nothing_twice() -> None:
    kept = Kept(seconds=0.05)

    async def play() -> None:
        async with arrivals(kept.commit) as arrived:
            for number in range(300):
                await arrived.add(verdict(number))
                await asyncio.sleep(0.003)

    asyncio.run(play())
    assert kept.ids == [f"c{n}" for n in range(300)]
    assert 1 < len(kept.batches) < 150


def test_a_store_that_falls_behind_holds_the_judging_back() -> None:
    kept, waiting = Kept(seconds=0.3), 0

    async def play() -> None:
        nonlocal waiting
        async with arrivals(kept.commit) as arrived:
            for number in range(3 * MOST):
                await arrived.add(verdict(number))
                await asyncio.sleep(0)
                waiting = max(waiting, number + 1 - len(kept.ids))
                if number == MOST // 2:
                    await asyncio.sleep(0.4)  # the first commit begins

    asyncio.run(play())
    assert kept.ids == [f"c{n}" for n in range(3 * MOST)]
    assert waiting <= 2 * MOST + 1


@pytest.mark.parametrize("pause", [0.0, 0.3])
def test_what_arrived_before_a_failure_is_committed(pause: float) -> None:
    kept = Kept(seconds=0.1)

    async def play() -> None:
        async with arrivals(kept.commit) as arrived:
            for number in range(3):
                await arrived.add(verdict(number))
                await asyncio.sleep(pause)
            raise KeyError("the judge stops")

    with pytest.raises(KeyError, match="the judge stops"):
        asyncio.run(play())
    assert kept.ids == ["c0", "c1", "c2"]


def test_what_arrived_before_an_interruption_is_committed() -> None:
    kept = Kept(seconds=0.2)

    async def play() -> None:
        async with arrivals(kept.commit) as arrived:
            for number in range(3):
                await arrived.add(verdict(number))
            await asyncio.sleep(0.3)  # the commit is under way
            await arrived.add(verdict(3))
            await asyncio.sleep(60)

    async def interrupted() -> None:
        playing = asyncio.create_task(play())
        await asyncio.sleep(0.35)
        playing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await playing

    asyncio.run(interrupted())
    assert kept.ids == ["c0", "c1", "c2", "c3"]


def test_a_store_that_fails_ends_the_judging() -> None:
    def fail(_: list[Verdict]) -> None:
        raise OSError("the disk is full")

    async def play() -> None:
        async with arrivals(fail) as arrived:
            for number in range(1000):
                await arrived.add(verdict(number))
                await asyncio.sleep(0.01)

    with pytest.raises(OSError, match="the disk is full"):
        asyncio.run(play())
