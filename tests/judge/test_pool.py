"""The pool is bounded, hands out what was finished, and leaves nothing running."""

import asyncio

import pytest

from judge.api.pool import work_through


def test_what_was_finished_beside_a_failure_is_handed_out_before_it() -> None:
    async def work(item: int) -> int:
        if item == 0:
            raise RuntimeError("first")
        return item

    async def collect() -> None:
        async for result in work_through(range(3), work, 3):
            arrived.append(result)

    arrived: list[int] = []
    with pytest.raises(RuntimeError, match="first"):
        asyncio.run(collect())
    assert arrived == [1, 2]


def test_a_failure_cancels_what_is_running_and_draws_no_more() -> None:
    cancelled: list[int] = []
    begun: list[int] = []

    async def work(item: int) -> int:
        begun.append(item)
        if item == 1:
            raise RuntimeError("stop")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(item)
            raise
        return item

    async def collect() -> list[int]:
        return [result async for result in work_through(range(100), work, 3)]

    with pytest.raises(RuntimeError, match="stop"):
        asyncio.run(collect())
    assert begun == [0, 1, 2]
    assert sorted(cancelled) == [0, 2]


def test_results_come_as_they_finish_and_all_of_them_come() -> None:
    async def work(item: int) -> int:
        await asyncio.sleep(0.05 if item == 0 else 0)
        return item

    async def collect() -> list[int]:
        return [result async for result in work_through(range(10), work, 2)]

    results = asyncio.run(collect())
    assert sorted(results) == list(range(10))
    assert results[0] != 0


def test_nothing_to_do_gives_nothing() -> None:
    async def work(item: int) -> int:
        return item

    async def collect() -> list[int]:
        return [result async for result in work_through([], work, 2)]

    assert asyncio.run(collect()) == []
