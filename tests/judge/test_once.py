"""A value is made once, its failure by nobody remembered, and what is old forgotten."""

import asyncio

import pytest

from judge.api import once
from judge.api.once import Once


def test_many_who_ask_at_once_get_what_one_makes() -> None:
    made: list[str] = []

    async def play() -> list[int]:
        values: Once[int] = Once()

        async def make() -> int:
            made.append("x")
            await asyncio.sleep(0.01)
            return len(made)

        return await asyncio.gather(*(values.get("key", make) for _ in range(50)), values.get("other", make))

    assert asyncio.run(play()) == [2] * 50 + [2]
    assert len(made) == 2


def test_a_failure_reaches_all_who_wait_and_the_next_one_tries_again() -> None:
    async def play() -> None:
        values: Once[int] = Once()

        async def fail() -> int:
            await asyncio.sleep(0.01)
            raise ValueError("no")

        outcomes = await asyncio.gather(*(values.get("key", fail) for _ in range(3)), return_exceptions=True)
        assert [str(outcome) for outcome in outcomes] == ["no"] * 3

        async def succeed() -> int:
            return 7

        assert await values.get("key", succeed) == 7

    asyncio.run(play())


def test_one_who_stops_waiting_stops_nobody_else() -> None:
    async def play() -> None:
        values: Once[int] = Once()

        async def make() -> int:
            await asyncio.sleep(0.05)
            return 7

        maker = asyncio.create_task(values.get("key", make))
        await asyncio.sleep(0)
        impatient = asyncio.create_task(values.get("key", make))
        await asyncio.sleep(0)
        impatient.cancel()
        assert await maker == 7
        with pytest.raises(asyncio.CancelledError):
            await impatient

    asyncio.run(play())


def test_what_is_old_is_forgotten_and_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "_KEPT", 3)
    made: list[int] = []

    async def play() -> None:
        values: Once[int] = Once()
        for key in (0, 1, 2, 3, 3, 0):

            async def make(key: int = key) -> int:
                made.append(key)
                return key

            assert await values.get(str(key), make) == key

    asyncio.run(play())
    assert made == [0, 1, 2, 3, 0]
