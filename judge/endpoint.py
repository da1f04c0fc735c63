"""One model behind one OpenAI-compatible address: a chat goes in, a checked completion or a classified failure out.

What is asked is paid for: `judge.paid_calls` looks answers up, keeps to the budget and counts the cost. When a
request leaves is for `judge.throttle` to say, how its bytes travel for `judge.wire`, what its failure means for
`judge.failures`. What remains is here: asking for less where the server does not take what was asked for, trying
again, and knowing when to stop. Each kind of trouble has its own attempts, so that a request that met a broken
connection and two busy servers is not counted out for bad luck. Time is bounded three ways: connecting, one attempt
by `timeout_s`, a request with all its attempts by `deadline_s`, counted from when the first one leaves.
"""

import asyncio
import ipaddress
import json
import os
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx

from judge.activity import Activity
from judge.completion import Completion
from judge.connection import Response
from judge.decisions import DecisionEndpoint
from judge.errors import JudgeSettingsError, JudgeStopped
from judge.failures import Failure, GaveUp, Rejected, Transient, classify, stated_status
from judge.features import Features
from judge.paid_calls import How, PaidCalls
from judge.settings import ApiJudgeSettings
from judge.throttle import Throttle
from judge.wire import Wire, open_wire, proxy_for
from store.records import Message

Chat = Sequence[Message]
Good = Callable[[Completion], bool]

_PATH = "/chat/completions"
_OUTAGE = 5
"""Requests in a row that used up their attempts: from here on the server is taken to be gone."""

_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 0.25, 30.0
_BYTES_PER_TOKEN = 4.0
_as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_LEARNING = 0.05
"""Weight of the newest reply in the mean length of replies."""


def require_key(settings: ApiJudgeSettings) -> str:
    """The key from the environment; a server on this machine needs none. Raises `JudgeSettingsError`."""
    key = os.environ.get(settings.api_key_env)
    if key:
        return key
    if is_loopback(settings.base_url):
        return "none"
    raise JudgeSettingsError(
        f"judge.api_key_env: environment variable {settings.api_key_env} is not set, and the judge at "
        f"{settings.base_url} needs a key. Set it (any value will do for a server that checks none)."
    )


def is_loopback(base_url: str) -> bool:
    """Whether the address names this machine."""
    host = urlsplit(base_url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _complete(completion: Completion) -> bool:
    return completion.complete


class Endpoint:
    """Asks the model of `settings`; what the server can do is remembered between sessions.

    `features` is what to try first, `schema` the JSON schema of a reply. `http_transport` replaces the network. Where
    there are `decisions` they take the place of the chat, and nothing is asked for but them.
    """

    def __init__(
        self,
        settings: ApiJudgeSettings,
        features: Features,
        schema: dict[str, Any],
        http_transport: httpx.AsyncBaseTransport | None = None,
        calls: PaidCalls | None = None,
        decisions: DecisionEndpoint | None = None,
    ) -> None:
        self._settings = settings
        self._decisions = decisions
        self._calls = calls or PaidCalls(settings.base_url)
        self._key = require_key(settings)
        self._features = features
        self._schema = schema
        self._transport = http_transport
        self._throttle = Throttle(
            settings.concurrency,
            settings.longest_wait_s,
            settings.requests_per_minute,
            settings.tokens_per_minute,
        )
        self._throttle.activity.batches = self._calls.under_way
        self._reply_tokens = float(settings.max_tokens)
        self._trial: asyncio.Future[None] | None = None
        self._ever_answered = False
        self._failed_in_a_row = 0

    @property
    def activity(self) -> Activity:
        """What it is doing and has done."""
        return self._throttle.activity

    @asynccontextmanager
    async def session(self) -> AsyncIterator["Session"]:
        """Connections for the running event loop, closed at the end."""
        settings = self._settings
        self._trial = None
        # A proxy from the environment cannot reach this machine's own servers.
        proxy = None if is_loopback(settings.base_url) else proxy_for(settings.base_url)
        wire = open_wire(settings.base_url, self._key, settings.concurrency, self._transport, proxy)
        try:
            yield Session(self, wire)
        finally:
            self._throttle.close()
            await self._calls.close()
            await wire.close()

    async def ask(
        self, wire: Wire, chat: Chat, sample: int, good: Good, count: int, how: How = "usual"
    ) -> Completion:
        """A completion of `chat` with up to `count` choices, asked for in the fullest form that the server takes.

        `sample` tells several completions of one chat apart; one that is not `good` is not kept for later.
        Raises `GaveUp` for this chat alone, `JudgeStopped` for all.
        """
        while self._calls.batched and not self._ever_answered:
            # What the model takes is found out with one request, before thousands are submitted that it does not take.
            if self._trial is None:
                self._trial = asyncio.get_running_loop().create_future()
                try:
                    return await self._ask(wire, chat, sample, good, count, "at once")
                finally:
                    self._trial.set_result(None)
                    self._trial = None
            await asyncio.shield(self._trial)
        return await self._ask(wire, chat, sample, good, count, how)

    async def _ask(self, wire: Wire, chat: Chat, sample: int, good: Good, count: int, how: How) -> Completion:
        features = self._features
        instructed = any(message.role == "system" for message in chat)
        cut: Completion | None = None
        while True:
            several = count > 1 and features.n
            try:
                completion = await self._paid(
                    wire, chat, features, sample, good, count if several else 1, how
                )
            except Rejected as rejected:
                lesser = features.without(rejected.words, instructed=instructed, several=several)
                if lesser is None or self._decisions:
                    raise self._given_up(rejected) from rejected
                features = lesser
                continue
            except Transient as transient:
                raise self._given_up(transient) from transient
            self._ever_answered = True
            self._failed_in_a_row = 0
            if completion.thought and not features.thinks:
                features = replace(features, thinks=True)
                self._features = features
                if completion.finish_reason == "length" and self._settings.reasoning_tokens:
                    # What it thought used up the room for the reply: the same again, with room for both.
                    cut = completion
                    continue
            if several and len(completion.choices) < count:
                features = replace(features, n=False)
            if features != self._features:
                self._features = features
            return completion.after(cut) if cut else completion

    @property
    def batched(self) -> bool:
        """Whether requests go off in batches."""
        return self._calls.batched

    @property
    def features(self) -> Features:
        """What is asked for at present."""
        return self._features

    async def _paid(
        self, wire: Wire, chat: Chat, features: Features, sample: int, good: Good, count: int, how: How
    ) -> Completion:
        request: dict[str, Any]
        if self._decisions:
            request = self._decisions.request(self._settings.model, chat)
        else:
            request = {
                "model": self._settings.model,
                "messages": features.messages(chat),
                **features.parameters(self._settings, self._schema),
            }
        if count > 1:
            request["n"] = count
        completion, cost_usd = await self._calls.answer(
            request,
            sample,
            send=lambda: self._with_retries(wire, request),
            read=Completion.read,
            good=good,
            how=how,
        )
        return completion.priced(cost_usd)

    async def _with_retries(self, wire: Wire, request: dict[str, Any]) -> Completion:
        """Raises `Transient` where every attempt failed, and what `classify` gives that no attempt can mend."""
        settings, activity = self._settings, self._throttle.activity
        try:
            body = _as_json(request).encode()
        except UnicodeEncodeError as error:
            raise GaveUp(
                "the texts hold half of a character (a lone surrogate), which cannot be sent"
            ) from error
        begun: float | None = None
        failed: Counter[str] = Counter()
        while True:
            expected = len(body) / _BYTES_PER_TOKEN + self._reply_tokens
            turn = await self._throttle.enter(expected, again=begun is not None)
            if begun is None:
                begun = time.monotonic()
            left_s = settings.deadline_s - (time.monotonic() - begun)
            response, taken = None, None
            try:
                response = await self._attempt(wire, body, left_s)
                completion = self._read(response)
                taken = float(completion.used.total)
                return completion
            except Transient as transient:
                failure = transient
            finally:
                self._throttle.leave(turn, taken, response.headers if response else None)
            failed[failure.kind] += 1
            wait_s = self._wait_s(failure, failed[failure.kind])
            elapsed_s = time.monotonic() - begun
            if failed[failure.kind] >= settings.attempts or elapsed_s + wait_s >= settings.deadline_s:
                raise failure
            activity.retries[failure.kind] += 1
            activity.last = str(failure)
            activity.pausing += 1
            try:
                await asyncio.sleep(wait_s)
            finally:
                activity.pausing -= 1

    async def _attempt(self, wire: Wire, body: bytes, left_s: float) -> Response:
        if left_s <= 0.0:
            raise Transient(
                f"not answered within judge.deadline_s ({self._settings.deadline_s:g} s)", "timeout"
            )
        limit_s = min(self._settings.timeout_s, left_s)
        try:
            async with asyncio.timeout(limit_s):
                return await wire.post(self._decisions.path if self._decisions else _PATH, body)
        except TimeoutError as error:
            raise Transient(f"no answer within {limit_s:g} s", "timeout", answered=False) from error

    def _read(self, response: Response) -> Completion:
        """The completion in a response. Raises what its failure means, having told the throttle."""
        if response.status >= 300:
            raise self._refused(response.status, response)
        try:
            content = response.content
            completion = Completion.read(
                self._decisions.as_completion(content) if self._decisions else content
            )
        except ValueError as error:  # pydantic's ValidationError is one
            if (status := stated_status(response.content)) is not None:
                raise self._refused(status, response) from error
            self._throttle.count(busy=False)
            raise Transient(
                f"the server's answer is not a {'decision' if self._decisions else 'chat completion'}",
                "malformed",
            ) from error
        self._throttle.count(busy=False)
        self._reply_tokens += _LEARNING * (completion.used.output - self._reply_tokens)
        return completion

    def _refused(self, status: int, response: Response) -> Failure | JudgeStopped:
        """What the refusal means, told to the throttle."""
        failure = classify(status, response.headers, response.content, self._settings)
        busy = isinstance(failure, Transient) and failure.kind == "busy"
        asked_s = failure.retry_after if isinstance(failure, Transient) else None
        self._throttle.count(busy=busy, why=str(failure), asked_s=asked_s)
        return failure

    def _wait_s(self, failure: Transient, attempt: int) -> float:
        """Seconds before the next attempt: exponential and jittered, and never less than the server asked for."""
        longest = min(_LONGEST_WAIT_S, 0.5 * 2.0 ** min(attempt, 16))
        backoff = max(_SHORTEST_WAIT_S, random.uniform(0.0, longest))
        return max(backoff, min(failure.retry_after or 0.0, self._settings.longest_wait_s))

    def _given_up(self, failure: Rejected | Transient) -> Failure | JudgeStopped:
        """This comparison's failure, or the run's where nothing suggests that another comparison would fare better."""
        self._failed_in_a_row += 1
        unreachable = isinstance(failure, Transient) and not failure.answered and not self._ever_answered
        many = self._failed_in_a_row >= _OUTAGE
        if unreachable or (many and (isinstance(failure, Transient) or not self._ever_answered)):
            return JudgeStopped(
                f"judge at {self._settings.base_url}: {self._failed_in_a_row} request(s) in a row failed, the last "
                f"one: {failure}. Check judge.base_url and the server, then run again: verdicts so far are kept."
            )
        return GaveUp(str(failure))


class Session:
    """An endpoint with open connections."""

    def __init__(self, endpoint: Endpoint, wire: Wire) -> None:
        self._endpoint = endpoint
        self._wire = wire

    @property
    def expects_logprobs(self) -> bool:
        """Whether replies come with log-probabilities, as far as is known."""
        return self._endpoint.features.top_logprobs > 0

    async def ask(self, chat: Chat, sample: int = 0, good: Good = _complete) -> Completion:
        """See `Endpoint.ask`."""
        return await self._endpoint.ask(self._wire, chat, sample, good, 1)

    async def foresee(self, chats: Iterable[Chat], samples: range, good: Good = _complete) -> None:
        """Say what will be asked one after the other, so that it goes off in one batch; without batches, nothing.

        What fails, fails when it is asked for. Raises `JudgeStopped`.
        """
        if not self._endpoint.batched:
            return
        asked = (
            self._endpoint.ask(self._wire, chat, sample, good, 1, "ahead")
            for chat in chats
            for sample in samples
        )
        for outcome in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, Failure):
                raise outcome

    async def ask_several(
        self, chat: Chat, samples: range, good: Good = _complete
    ) -> AsyncGenerator[Completion]:
        """A completion for each sample index, in one request where the server can; asked for as they are read.

        What a request with several replies took is told of its first. Raises as `Endpoint.ask` does.
        """
        waiting = samples
        if len(samples) > 1 and self._endpoint.features.n and not self._endpoint.batched:

            def all_good(completion: Completion) -> bool:
                return all(good(single) for single in completion.singles())

            together = await self._endpoint.ask(self._wire, chat, samples[0], all_good, len(samples))
            got = together.singles()[: len(samples)]
            for completion in got:
                yield completion
            waiting = samples[len(got) :]
        await self.foresee([chat], waiting, good)
        for sample in waiting:
            yield await self.ask(chat, sample, good)
