"""Where a request becomes an answer that was paid for: looked up, else reserved, asked for, settled and kept.

This is the one way around every request of an external judge, so that nothing is asked twice, nothing is spent beyond
the budget, and nothing is spent unseen. A request is delivered at once or, where the calls are batched, in a batch;
either way its answer comes back here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol, TypeVar

from judge.api.budget import Budget, Reservation, require_price
from judge.api.call_cache import Call, CallCache, call_key
from judge.api.failures import Failure
from judge.api.prices import ModelPrice, load_prices, price_of
from judge.api.tokens import TokenUse, at_most
from judge.settings import ApiJudgeSettings

How = Literal["usual", "at once", "ahead"]
"""`at once`: never in a batch. `ahead`: the same request follows and is to find this answer, whatever it is."""


class Answer(Protocol):
    """A server's answer, checked. `raw` are its bytes, `used` the tokens it reports."""

    @property
    def raw(self) -> bytes: ...

    @property
    def used(self) -> TokenUse: ...


class Delivery(Protocol):
    """Takes requests away and brings answers back, later; see `judge.api.batch`."""

    async def deliver(self, key: str, request: Mapping[str, Any]) -> Call | None:
        """The answer, in the cache already; None where the request is to be asked at once."""
        ...

    def coming(self, requests: int) -> None:
        """So many more requests may be delivered in a moment; less than 0: that is settled, one way or the other."""
        ...

    async def close(self) -> None: ...


AnswerT = TypeVar("AnswerT", bound=Answer)


class PaidCalls:
    """The calls to one address. Without a cache every call is asked, without a budget none is refused.

    `delivery` opens what takes requests in batches, for the running event loop; it needs a cache, and is given whom to
    tell how its batches stand.
    """

    def __init__(
        self,
        endpoint: str,
        price: ModelPrice | None = None,
        cache: CallCache | None = None,
        budget: Budget | None = None,
        delivery: Callable[[Callable[[str, str], None]], Delivery] | None = None,
    ) -> None:
        assert delivery is None or cache is not None, "batches bring their answers by the cache"
        self.endpoint = endpoint
        self._price = price
        self._cache = cache
        self._budget = budget
        self._open_delivery = delivery
        self._delivery: Delivery | None = None
        self.under_way: dict[str, str] = {}
        """How each batch stands, by its name."""
        self._running: dict[str, asyncio.Future[None]] = {}
        self._ahead: dict[str, tuple[Any, float | None] | Failure] = {}

    @property
    def batched(self) -> bool:
        """Whether requests are gathered and go off together, so that who asks one by one waits long."""
        return self._open_delivery is not None

    async def answer(
        self,
        request: Mapping[str, Any],
        sample: int,
        *,
        send: Callable[[], Awaitable[AnswerT]],
        read: Callable[[bytes], AnswerT],
        good: Callable[[AnswerT], bool],
        how: How = "usual",
    ) -> tuple[AnswerT, float | None]:
        """The answer to this JSON body, and what it cost when it was asked for (None: its price is not known).

        `send` asks the server, `read` reads a kept answer, and only what is `good` is kept. Raises what `send`
        raises, `JudgeStopped` where the budget does not allow the call.
        """
        if self._cache is None:
            return await self._answered("", request, send, read, good, how)
        key = call_key(self.endpoint, request, sample)
        while (twin := self._running.get(key)) is not None:
            await asyncio.shield(twin)  # the same is being asked already, and its answer will be kept
        over = self._running[key] = asyncio.get_running_loop().create_future()
        try:
            return await self._answered(key, request, send, read, good, how)
        finally:
            if self._running.get(key) is over:
                del self._running[key]
            over.set_result(None)

    async def _answered(
        self,
        key: str,
        request: Mapping[str, Any],
        send: Callable[[], Awaitable[AnswerT]],
        read: Callable[[bytes], AnswerT],
        good: Callable[[AnswerT], bool],
        how: How,
    ) -> tuple[AnswerT, float | None]:
        if self._cache and (kept := await self._look_up(key, how)) is not None:
            answer = read(kept.response)
            if good(answer):
                return answer, kept.cost_usd
        if (found := self._ahead.pop(key, None)) is not None:
            if isinstance(found, Failure):
                raise found
            return found
        try:
            answer, cost = await self._asked(key, request, send, read, good, how)
        except Failure as failure:
            if how == "ahead":
                self._ahead[key] = failure
            raise
        if how == "ahead" and not good(answer):
            self._ahead[key] = answer, cost
        return answer, cost

    def at_price(self, price: ModelPrice | None) -> "PaidCalls":
        """The same cache and budget for another model; a batch holds requests to one, so these are asked at once."""
        return PaidCalls(self.endpoint, price, self._cache, self._budget)

    async def close(self) -> None:
        """The event loop ends: keep what came in last, and let go of batches under way; the store knows of them."""
        delivery, self._delivery = self._delivery, None
        self._running.clear()
        self.under_way.clear()
        self._ahead.clear()
        if delivery is not None:
            await delivery.close()
        if self._cache is not None:
            await self._cache.close()

    def _note(self, batch: str, state: str) -> None:
        if state:
            self.under_way[batch] = state
        else:
            self.under_way.pop(batch, None)

    async def _look_up(self, key: str, how: How) -> Call | None:
        assert self._cache is not None
        if self._open_delivery is None or how == "at once":
            return await self._cache.get(key)
        if self._delivery is None:
            self._delivery = self._open_delivery(self._note)
        delivery = self._delivery
        delivery.coming(1)
        try:
            return await self._cache.get(key)
        finally:
            delivery.coming(-1)

    async def _asked(
        self,
        key: str,
        request: Mapping[str, Any],
        send: Callable[[], Awaitable[AnswerT]],
        read: Callable[[bytes], AnswerT],
        good: Callable[[AnswerT], bool],
        how: How,
    ) -> tuple[AnswerT, float | None]:
        if self._delivery is not None and how != "at once":
            call = await self._by_batch(self._delivery, key, request)
            if call is not None:
                answer = read(call.response)
                if self._cache and not good(answer):
                    await self._cache.drop(key)
                return answer, call.cost_usd
        reservation = await self._reserved(request)
        try:
            answer = await send()
            cost = self._price.cost(answer.used) if self._price else None
            if self._cache:
                call = Call(answer.raw, answer.used, cost, str(request.get("model", "")))
                await self._cache.put(key, call, keep=good(answer))
            if reservation:
                reservation.settle(answer.used, cost)
            return answer, cost
        finally:
            # Last: a run that stops for want of budget stops when nothing is reserved, so with everything kept.
            if reservation:
                reservation.release()

    async def _reserved(self, request: Mapping[str, Any], *, batch: bool = False) -> Reservation | None:
        if self._budget is None:
            return None
        most = at_most(request)
        return await self._budget.reserve(most, self._price.cost(most, batch=batch) if self._price else 0.0)

    async def _by_batch(self, delivery: Delivery, key: str, request: Mapping[str, Any]) -> Call | None:
        reservation = await self._reserved(request, batch=True)
        try:
            call = await delivery.deliver(key, request)
            if reservation and call is not None:
                reservation.settle(call.used, call.cost_usd)
            return call
        finally:
            if reservation:
                reservation.release()


def known_price(settings: ApiJudgeSettings) -> ModelPrice | None:
    """The price of the judge's model. Raises `JudgeSettingsError` where a budget in dollars needs one."""
    price = price_of(settings.model, settings.base_url, load_prices(settings.prices))
    require_price(settings.budget, settings.model, price)
    return price
