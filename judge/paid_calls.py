"""Where a request becomes an answer that was paid for: looked up, else reserved, asked for, settled and kept.

This is the one way around every request of an external judge, so that nothing is asked twice, nothing is spent beyond
the budget, and nothing is spent unseen. How the request is delivered (now, or in a batch) is the caller's.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from judge.budget import Budget, SpendingBudget, require_price
from judge.call_cache import Call, CallCache, call_key
from judge.prices import ModelPrice, load_prices, price_of
from judge.settings import ApiJudgeSettings
from judge.stored_calls import StoredCalls
from judge.tokens import TokenUse, at_most
from store.judge_calls import JudgeCalls, Spending


class Answer(Protocol):
    """A server's answer, checked. `raw` are its bytes, `used` the tokens it reports."""

    @property
    def raw(self) -> bytes: ...

    @property
    def used(self) -> TokenUse: ...


AnswerT = TypeVar("AnswerT", bound=Answer)


@dataclass(frozen=True)
class PaidCalls:
    """The calls to one address. Without a cache every call is asked, without a budget none is refused.

    `batch` says that calls are delivered in batches and priced so.
    """

    endpoint: str
    price: ModelPrice | None = None
    cache: CallCache | None = None
    budget: Budget | None = None
    batch: bool = False

    async def answer(
        self,
        request: Mapping[str, Any],
        sample: int,
        *,
        send: Callable[[str], Awaitable[AnswerT]],
        read: Callable[[bytes], AnswerT],
        good: Callable[[AnswerT], bool],
    ) -> tuple[AnswerT, float | None]:
        """The answer to this JSON body, and what it cost when it was asked for (None: its price is not known).

        `send` is given the request's key and asks the server, `read` reads a kept answer, and only what is `good` is
        kept. Raises what `send` raises, `JudgeStopped` where the budget does not allow the call.
        """
        key = call_key(self.endpoint, request, sample)
        kept = await self.cache.get(key) if self.cache else None
        if kept is not None:
            return read(kept.response), kept.cost_usd
        reservation = await self.budget.reserve(at_most(request)) if self.budget else None
        try:
            answer = await send(key)
            cost = self.price.cost(answer.used, batch=self.batch) if self.price else None
            if reservation:
                reservation.settle(answer.used, cost)
        finally:
            if reservation:
                reservation.release()
        if self.cache:
            await self.cache.put(key, Call(answer.raw, answer.used, cost), keep=good(answer))
        return answer, cost


def paid_calls(settings: ApiJudgeSettings, kept: JudgeCalls | None = None, account: str = "") -> PaidCalls:
    """The calls of an API judge: kept in a store and counted on `account` where there is a store.

    Raises `JudgeSettingsError` for prices that cannot be read, and for a budget in dollars without a price.
    """
    price = known_price(settings)
    spent = kept.spent(account) if kept else Spending()
    return PaidCalls(
        endpoint=settings.base_url,
        price=price,
        cache=StoredCalls(kept, account, settings.base_url, settings.model) if kept else None,
        budget=SpendingBudget(
            settings.budget, settings.model, price, spent_usd=spent.cost_usd, spent_tokens=spent.tokens
        ),
    )


def known_price(settings: ApiJudgeSettings) -> ModelPrice | None:
    """The price of the judge's model. Raises `JudgeSettingsError` where a budget in dollars needs one."""
    price = price_of(settings.model, settings.base_url, load_prices(settings.prices))
    require_price(settings.budget, settings.model, price)
    return price
