"""The store as a cache of calls for asyncio: many look-ups and answers in one transaction, off the event loop.

A transaction costs the same for one row as for a hundred, and a database that another process keeps busy must not stop
the requests in flight. So whatever gathers while one transaction runs goes into the next one, in a thread. What is
answered is durable before its verdict is made.
"""

import asyncio
from typing import Any

from judge.api.call_cache import Call
from judge.api.tokens import TokenUse
from store.judge_calls import JudgeCalls, PaidCall

_Lookup = tuple[str, asyncio.Future[Call | None]]
_Entry = tuple[PaidCall, asyncio.Future[None]]


class StoredCalls:
    """The `CallCache` of one judge in a store; spending is counted on `account`."""

    def __init__(self, calls: JudgeCalls, account: str, endpoint: str) -> None:
        self._calls = calls
        self._account = account
        self._endpoint = endpoint
        self._lookups: list[_Lookup] = []
        self._entries: list[_Entry] = []
        self._working: asyncio.Task[None] | None = None

    async def get(self, key: str) -> Call | None:
        """See `CallCache.get`."""
        found: asyncio.Future[Call | None] = asyncio.get_running_loop().create_future()
        self._lookups.append((key, found))
        self._begin()
        return await found

    async def put(self, key: str, call: Call, *, keep: bool) -> None:
        """See `CallCache.put`."""
        used = call.used
        paid = PaidCall(
            key=key if keep else None,
            endpoint=self._endpoint,
            model=call.model,
            response=call.response,
            input_tokens=used.input,
            cached_tokens=used.cached,
            output_tokens=used.output,
            reasoning_tokens=used.reasoning,
            cost_usd=call.cost_usd,
        )
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._entries.append((paid, stored))
        self._begin()
        await stored

    async def drop(self, key: str) -> None:
        """See `CallCache.drop`."""
        await asyncio.to_thread(self._calls.drop, [key])

    async def close(self) -> None:
        """See `CallCache.close`."""
        working, self._working = self._working, None
        if working is not None:
            await asyncio.gather(working, return_exceptions=True)
        entries, self._entries = self._entries, []
        if entries:
            self._calls.add(self._account, [paid for paid, _ in entries])

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        working = self._working
        if working is None or working.done() or working.get_loop() is not loop:
            self._working = loop.create_task(self._work())

    async def _work(self) -> None:
        while self._lookups or self._entries:
            lookups, self._lookups = self._lookups, []
            entries, self._entries = self._entries, []
            try:
                found = await asyncio.to_thread(self._exchange, lookups, entries)
            except Exception as error:
                futures: list[asyncio.Future[Any]] = [waiting for _, waiting in lookups]
                for waiting in futures + [waiting for _, waiting in entries]:
                    if not waiting.done():
                        waiting.set_exception(error)
                continue
            for key, call in lookups:
                if not call.done():
                    call.set_result(found.get(key))
            for _, stored in entries:
                if not stored.done():
                    stored.set_result(None)

    def _exchange(self, lookups: list[_Lookup], entries: list[_Entry]) -> dict[str, Call]:
        if entries:
            self._calls.add(self._account, [paid for paid, _ in entries])
        if not lookups:
            return {}
        return {key: _call(paid) for key, paid in self._calls.find(key for key, _ in lookups).items()}


def _call(paid: PaidCall) -> Call:
    used = TokenUse(paid.input_tokens, paid.cached_tokens, paid.output_tokens, paid.reasoning_tokens)
    return Call(paid.response, used, paid.cost_usd, paid.model)
