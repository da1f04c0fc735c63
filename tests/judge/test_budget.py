"""The budget: reserved before, settled after, never overrun, and waited for where others may give back."""

import asyncio

import pytest

from judge.api.budget import BudgetSettings, SpendingBudget, require_price
from judge.api.prices import ModelPrice
from judge.api.tokens import TokenUse
from judge.errors import JudgeSettingsError, JudgeStopped

TEN = TokenUse(input=8, output=2)


def budget(usd: float | None = None, tokens: int | None = None, **spent) -> SpendingBudget:
    return SpendingBudget(BudgetSettings(usd=usd, tokens=tokens), **spent)


def test_a_budget_in_dollars_needs_a_price_and_one_in_tokens_does_not():
    with pytest.raises(JudgeSettingsError, match=r"judge\.budget\.usd: the price of 'model'.*judge\.prices"):
        require_price(BudgetSettings(usd=1), "model", None)
    require_price(BudgetSettings(tokens=1), "model", None)
    require_price(BudgetSettings(usd=1), "model", ModelPrice(input=1, output=1))


@pytest.mark.parametrize("limits", [{"usd": 25}, {"tokens": 25}])
def test_a_call_that_may_cost_more_than_is_left_stops_the_run_before_it_is_sent(limits):
    async def spend() -> SpendingBudget:
        own = budget(**limits)
        for _ in range(2):
            (await own.reserve(TEN, 10.0)).settle(TEN, 10.0)
        with pytest.raises(JudgeStopped, match=r"judge\.budget\.\w+: .*20.* of .*25.*Raise judge\.budget"):
            await own.reserve(TEN, 10.0)
        (await own.reserve(TokenUse(input=5), 5.0)).settle(TokenUse(input=5), 5.0)
        return own

    own = asyncio.run(spend())
    assert (own.spent_usd, own.spent_tokens) == (25.0, 25)


def test_what_was_not_used_is_given_back():
    async def spend() -> None:
        own = budget(usd=10)
        for _ in range(9):
            (await own.reserve(TEN, 10.0)).settle(TokenUse(input=1), 1.0) if own.spent_usd == 0 else None
            (await own.reserve(TokenUse(input=1), 1.0)).release()
        assert own.spent_usd == 1.0

    asyncio.run(spend())


def test_a_call_waits_for_those_in_flight_and_stops_only_when_none_is():
    async def spend() -> None:
        own = budget(usd=20)
        first, second = await own.reserve(TEN, 10.0), await own.reserve(TEN, 10.0)
        waiting = asyncio.create_task(own.reserve(TEN, 10.0))
        await asyncio.sleep(0)
        assert not waiting.done()
        first.settle(TokenUse(input=2), 2.0)
        await asyncio.sleep(0.01)
        assert not waiting.done()  # 2 spent, 10 in flight, 10 more do not fit
        second.settle(TokenUse(input=3), 3.0)
        third = await waiting
        third.settle(TEN, 10.0)
        with pytest.raises(JudgeStopped, match=r"\$15\.0000 of \$20\.0000"):
            await own.reserve(TEN, 10.0)

    asyncio.run(spend())


def test_many_at_once_never_spend_more_than_the_budget():
    async def spend() -> tuple[SpendingBudget, int]:
        own = budget(usd=1000)
        peak = 0.0

        async def call(number: int) -> None:
            nonlocal peak
            held = await own.reserve(TEN, 10.0)
            await asyncio.sleep(0.0001 * (number % 7))
            held.settle(TokenUse(input=number % 10 + 1), float(number % 10 + 1))
            peak = max(peak, own.spent_usd)

        done = await asyncio.gather(*(call(number) for number in range(400)), return_exceptions=True)
        assert peak <= 1000
        return own, sum(isinstance(one, JudgeStopped) for one in done)

    own, stopped = asyncio.run(spend())
    assert stopped > 0
    assert 990 <= own.spent_usd <= 1000


def test_earlier_sessions_count():
    own = budget(usd=100, spent_usd=95.0)
    with pytest.raises(JudgeStopped, match=r"\$95\.0000 of \$100\.0000"):
        asyncio.run(own.reserve(TEN, 10.0))
