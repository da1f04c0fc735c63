"""Requests delivered by the day instead of at once, at half the price: the Batch API of OpenAI.

Requests gather until none is on its way any more, or a batch is full; then they are written down, uploaded and
submitted, and looked at less and less often until they are done. Each answer goes into the cache of calls, and from
there on everything is as if it had been asked at once. A restart finds what is under way and waits for it: nothing is
submitted twice.

What a batch leaves unanswered (it expired, a line failed) is asked again, at once or in another batch. A batch that the
server refuses whole stops the run: asking ten thousand requests at the full price instead is not ours to decide.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from judge.api.batch_api import BatchApi, RemoteBatch, request_line
from judge.api.batch_settings import BatchSettings
from judge.api.call_cache import Call
from judge.api.paid_calls import Answer
from judge.api.prices import ModelPrice
from judge.errors import JudgeStopped
from store.judge_batches import JudgeBatches, OpenBatch
from store.judge_calls import PaidCall

GATHER_S = 1.0
"""How long after the last request the next may still come into the same batch."""

_FILE_BYTES = 190_000_000
"""The API takes files of 200 MB."""

_SLOWER = 1.5
_SLOWEST = 10.0
_AGAIN = 2
"""With `missing: batch`, so many more batches before a request is asked at once."""


class BatchDelivery:
    """Batches for one model at one address; use within one event loop and `close` at its end.

    `tell` is told of each batch, by its name, how it stands: nothing when it is done.
    """

    def __init__(
        self,
        http: Callable[[], httpx.AsyncClient],
        settings: BatchSettings,
        stored: JudgeBatches,
        *,
        account: str,
        endpoint: str,
        model: str,
        price: ModelPrice | None,
        read: Callable[[bytes], Answer],
        tell: Callable[[str, str], None],
    ) -> None:
        self._http = http
        self._settings = settings
        self._stored = stored
        self._account, self._endpoint, self._model = account, endpoint, model
        self._price = price
        self._read = read
        self._tell = tell
        self._client: httpx.AsyncClient | None = None
        self._resumed = asyncio.Lock()
        self._waiting: dict[str, asyncio.Future[Call | None]] = {}
        self._gathered: dict[str, bytes] = {}
        self._gathered_bytes = 0
        self._under_way: set[str] = set()
        self._unclaimed: dict[str, Call] = {}
        self._coming = 0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def deliver(self, key: str, request: Mapping[str, Any]) -> Call | None:
        """The answer, kept in the cache already; None where the request is to be asked at once.

        Raises `JudgeStopped` where batches cannot go on.
        """
        for _ in range(1 + (_AGAIN if self._settings.missing == "batch" else 0)):
            if (call := await self._once(key, request)) is not None:
                return call
        return None

    def coming(self, requests: int) -> None:
        """So many more requests may be delivered in a moment; less than 0: that is settled, one way or the other."""
        self._coming += requests

    async def close(self) -> None:
        """Let go of what is under way: the store knows of it, and another session goes on from there."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for future in self._waiting.values():
            future.cancel()
        if self._client is not None:
            await self._client.aclose()
        self._client = None
        self._waiting, self._gathered, self._tasks = {}, {}, set()

    async def _once(self, key: str, request: Mapping[str, Any]) -> Call | None:
        self.coming(1)
        try:
            async with self._resumed:
                if self._client is None:
                    self._client = self._http()
                    self._resume(await asyncio.to_thread(self._open_batches))
        finally:
            self.coming(-1)
        if (unclaimed := self._unclaimed.pop(key, None)) is not None:
            return unclaimed
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = asyncio.get_running_loop().create_future()
            if key not in self._under_way:
                self._gather(key, request_line(key, request))
        return await asyncio.shield(waiting)

    def _open_batches(self) -> list[OpenBatch]:
        return self._stored.under_way(self._account, self._endpoint, self._model)

    def _resume(self, batches: list[OpenBatch]) -> None:
        for batch in batches:
            self._under_way |= batch.keys
            self._begin(self._go_on(batch), batch.keys)

    def _gather(self, key: str, line: bytes) -> None:
        if self._gathered_bytes + len(line) > _FILE_BYTES:
            self._send()
        self._gathered[key] = line
        self._gathered_bytes += len(line) + 1
        if self._timer is not None:
            self._timer.cancel()
        if len(self._gathered) >= self._settings.requests:
            self._send()
        else:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._send_unless_more_come)

    def _send_unless_more_come(self) -> None:
        if self._coming:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._send_unless_more_come)
        else:
            self._send()

    def _send(self) -> None:
        lines, self._gathered, self._gathered_bytes = self._gathered, {}, 0
        if lines:
            self._under_way |= lines.keys()
            self._begin(self._submit(lines), frozenset(lines))

    def _begin(self, work: Any, keys: frozenset[str]) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception as failure:
                error: Exception = failure
                if isinstance(failure, httpx.HTTPError):
                    error = JudgeStopped(f"judge at {self._endpoint}: a batch cannot be handled: {failure}")
                self._under_way -= keys
                for key in keys:
                    future = self._waiting.pop(key, None)
                    if future is not None and not future.done():
                        future.set_exception(error)

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _submit(self, lines: dict[str, bytes]) -> None:
        keys = list(lines)
        id = await asyncio.to_thread(self._stored.begin, self._account, self._endpoint, self._model, keys)
        remote = await self._api.submit(list(lines.values()), id)
        await asyncio.to_thread(self._stored.submitted, id, remote.id)
        await self._follow(OpenBatch(id, self._account, remote.id, frozenset(keys)))

    async def _go_on(self, batch: OpenBatch) -> None:
        """A batch that was begun before a restart."""
        if batch.remote_id is None:
            remote = await self._api.find(batch.id)
            if remote is None:
                await self._end(batch, "never submitted", {})
                return
            await asyncio.to_thread(self._stored.submitted, batch.id, remote.id)
            batch = OpenBatch(batch.id, batch.account, remote.id, batch.keys)
        await self._follow(batch)

    async def _follow(self, batch: OpenBatch) -> None:
        assert batch.remote_id is not None
        pause = self._settings.poll_s
        while True:
            remote = await self._api.get(batch.remote_id)
            if remote is None or remote.done:
                self._tell(batch.remote_id, "")
                break
            self._tell(batch.remote_id, f"batch of {len(batch.keys):,} {remote.progress}")
            await asyncio.sleep(pause)
            pause = min(pause * _SLOWER, self._settings.poll_s * _SLOWEST)
        if remote is not None and remote.status == "failed" and remote.output_file_id is None:
            await asyncio.to_thread(self._stored.end, batch, f"refused: {remote.reason}")
            raise JudgeStopped(
                f"judge at {self._endpoint}: batch {batch.remote_id} was refused: {remote.reason}. Mend this or set "
                "judge.delivery: live, and run again."
            )
        calls = await self._collect(batch, remote) if remote is not None else {}
        await self._end(batch, remote.status if remote else "unknown to the server", calls)

    async def _collect(self, batch: OpenBatch, remote: RemoteBatch) -> dict[str, Call]:
        """The answers of a batch that is done, kept and counted."""
        calls: dict[str, Call] = {}
        if remote.output_file_id is None:
            return calls
        for line in await self._api.lines(remote.output_file_id):
            key, call = self._read_line(line)
            if call is not None and key in batch.keys:
                calls[key] = call
        paid = [self._paid(key, call) for key, call in calls.items()]
        await asyncio.to_thread(self._stored.collect, batch, paid)
        return calls

    async def _end(self, batch: OpenBatch, outcome: str, calls: Mapping[str, Call]) -> None:
        left = len(batch.keys) - len(calls)
        told = f"{outcome}; {left} without an answer" if left else outcome
        await asyncio.to_thread(self._stored.end, batch, told)
        self._under_way -= batch.keys
        for key in batch.keys:
            future, call = self._waiting.pop(key, None), calls.get(key)
            if future is not None:
                if not future.done():
                    future.set_result(call)
            elif call is not None:
                self._unclaimed[key] = call

    def _read_line(self, line: bytes) -> tuple[str, Call | None]:
        try:
            entry = json.loads(line)
            key, response = entry["custom_id"], entry["response"]
            if entry.get("error") or response["status_code"] != 200:
                return key, None
            raw = json.dumps(response["body"], separators=(",", ":")).encode()
            used = self._read(raw).used
        except (ValueError, KeyError, TypeError):
            return "", None
        cost = self._price.cost(used, batch=True) if self._price else None
        return key, Call(raw, used, cost)

    def _paid(self, key: str, call: Call) -> PaidCall:
        used = call.used
        return PaidCall(
            key=key,
            endpoint=self._endpoint,
            model=self._model,
            response=call.response,
            input_tokens=used.input,
            cached_tokens=used.cached,
            output_tokens=used.output,
            reasoning_tokens=used.reasoning,
            cost_usd=call.cost_usd,
        )

    @property
    def _api(self) -> BatchApi:
        assert self._client is not None, "deliver opens it"
        return BatchApi(self._client, self._endpoint)
