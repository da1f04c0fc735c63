"""One model behind one OpenAI-compatible address: a chat goes in, a checked completion or a classified failure out.

What is asked is paid for: `judge.api.paid_calls` looks answers up, keeps to the budget and counts the cost. When a
request leaves is for `judge.api.throttle` to say, how its bytes travel for `judge.api.wire`, what its failure means
for `judge.api.failures`, whether it is tried again for `judge.api.attempts`. What remains is here: asking for less
where the server does not take what was asked for, and knowing when to stop.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx

from judge.api.activity import Activity
from judge.api.address import is_loopback, require_key
from judge.api.attempts import Attempts
from judge.api.completion import Completion
from judge.api.decisions import DecisionEndpoint
from judge.api.failures import Failure, GaveUp, Rejected, Transient
from judge.api.features import Features
from judge.api.paid_calls import How, PaidCalls
from judge.api.throttle import Throttle
from judge.api.wire import Wire, open_wire, proxy_for
from judge.errors import JudgeStopped
from judge.settings import ApiJudgeSettings
from store.records import Message

Chat = Sequence[Message]
Good = Callable[[Completion], bool]

_OUTAGE = 5
"""Requests in a row that used up their attempts: from here on the server is taken to be gone."""


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
        self._attempts = Attempts(settings, self._throttle, decisions)
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
            send=lambda: self._attempts.ask(wire, request),
            read=Completion.read,
            good=good,
            how=how,
        )
        return completion.priced(cost_usd)

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
