"""One model behind one OpenAI-compatible address: a chat goes in, a checked completion or a classified failure out.

The client library's own retries are off. They cannot be told a total deadline, and they hide how often and why a
request was repeated; tenacity does it here, and the `Retry-After` of a server is kept as long as the deadline
allows. Time is bounded three ways: connecting and each read by httpx, one attempt by `timeout_s`, a request with
all its attempts by `deadline_s`.

What is asked is paid for: `judge.paid_calls` looks answers up, keeps to the budget and counts the cost.

Left out: a shared brake on all requests when a server says it is busy.
"""

import asyncio
import ipaddress
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
import openai
from pydantic import ValidationError
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_any,
    stop_before_delay,
    wait_random_exponential,
)

from judge.completion import Completion
from judge.errors import JudgeSettingsError, JudgeStopped
from judge.failures import Failure, GaveUp, Rejected, Transient, classify
from judge.features import Features
from judge.paid_calls import PaidCalls
from judge.settings import ApiJudgeSettings
from store.records import Message

Chat = Sequence[Message]

_CONNECT_S = 10.0
_OUTAGE = 5
"""Requests in a row that used up their attempts: from here on the server is taken to be gone."""

_backoff = wait_random_exponential(multiplier=0.5, min=0.25, max=30.0)


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


class Endpoint:
    """Asks the model of `settings`; what the server can do is remembered between sessions.

    `features` is what to try first, `schema` the JSON schema of a reply. `http_transport` replaces the network.
    """

    def __init__(
        self,
        settings: ApiJudgeSettings,
        features: Features,
        schema: dict[str, Any],
        http_transport: httpx.AsyncBaseTransport | None = None,
        calls: PaidCalls | None = None,
    ) -> None:
        self._settings = settings
        self._calls = calls or PaidCalls(settings.base_url)
        self._key = require_key(settings)
        self._features = features
        self._schema = schema
        self._transport = http_transport
        self._ever_answered = False
        self._failed_in_a_row = 0

    @asynccontextmanager
    async def session(self) -> AsyncIterator["Session"]:
        """Connections for the running event loop, closed at the end."""
        limit = self._settings.concurrency
        local = is_loopback(self._settings.base_url)
        http = httpx.AsyncClient(
            transport=self._transport,
            limits=httpx.Limits(max_connections=limit, max_keepalive_connections=limit),
            timeout=httpx.Timeout(
                self._settings.timeout_s, connect=min(_CONNECT_S, self._settings.timeout_s)
            ),
            follow_redirects=True,
            trust_env=not local,  # a proxy from the environment cannot reach this machine's own servers
        )
        client = openai.AsyncOpenAI(
            api_key=self._key,
            base_url=self._settings.base_url,
            max_retries=0,
            # openai 3 is typed for httpx2 and takes a client of httpx just as well.
            http_client=cast(Any, http),
        )
        async with client:
            yield Session(self, client)

    async def ask(
        self, client: openai.AsyncOpenAI, chat: Chat, sample: int, good: Callable[[Completion], bool]
    ) -> Completion:
        """A completion of `chat`, asked for in the fullest form that the server takes.

        `sample` tells several completions of one chat apart; one that is not `good` is not kept for later.
        Raises `GaveUp` for this chat alone, `JudgeStopped` for all.
        """
        features = self._features
        while True:
            try:
                completion = await self._paid(client, chat, features, sample, good)
            except Rejected as rejected:
                lesser = features.without(rejected.words)
                if lesser is None:
                    raise self._given_up(rejected) from rejected
                features = lesser
            except Transient as transient:
                raise self._given_up(transient) from transient
            else:
                if features != self._features:
                    self._features = features
                self._ever_answered = True
                self._failed_in_a_row = 0
                return completion

    async def _paid(
        self,
        client: openai.AsyncOpenAI,
        chat: Chat,
        features: Features,
        sample: int,
        good: Callable[[Completion], bool],
    ) -> Completion:
        request = {
            "model": self._settings.model,
            "messages": [{"role": message.role, "content": message.content} for message in chat],
            **features.parameters(self._settings, self._schema),
        }
        completion, cost_usd = await self._calls.answer(
            request,
            sample,
            send=lambda _: self._with_retries(client, chat, features),
            read=Completion.read,
            good=good,
        )
        return completion.priced(cost_usd)

    async def _with_retries(self, client: openai.AsyncOpenAI, chat: Chat, features: Features) -> Completion:
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(Transient),
            wait=_wait,
            stop=stop_any(
                stop_after_attempt(self._settings.attempts), stop_before_delay(self._settings.deadline_s)
            ),
            reraise=True,
        )
        try:
            async with asyncio.timeout(self._settings.deadline_s):
                return await attempts(self._attempt, client, chat, features)
        except TimeoutError as error:
            raise Transient(f"no answer within {self._settings.deadline_s:g} s", answered=False) from error

    async def _attempt(self, client: openai.AsyncOpenAI, chat: Chat, features: Features) -> Completion:
        messages = [{"role": message.role, "content": message.content} for message in chat]
        parameters = features.parameters(self._settings, self._schema)
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                response = await client.chat.completions.with_raw_response.create(
                    model=self._settings.model, messages=cast(Any, messages), **parameters
                )
        except TimeoutError as error:
            raise Transient(f"no answer within {self._settings.timeout_s:g} s", answered=False) from error
        except UnicodeEncodeError as error:
            raise GaveUp(
                "the texts hold half of a character (a lone surrogate), which cannot be sent"
            ) from error
        except openai.OpenAIError as error:
            raise classify(error, self._settings) from error
        try:
            return Completion.read(response.content)
        except ValidationError as error:
            raise Transient("the server's answer is not a chat completion") from error

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

    def __init__(self, endpoint: Endpoint, client: openai.AsyncOpenAI) -> None:
        self._endpoint = endpoint
        self._client = client

    async def ask(
        self, chat: Chat, sample: int = 0, good: Callable[[Completion], bool] = lambda reply: reply.complete
    ) -> Completion:
        """See `Endpoint.ask`."""
        return await self._endpoint.ask(self._client, chat, sample, good)


def _wait(state: RetryCallState) -> float:
    """Seconds before the next attempt: exponential and jittered, and never less than the server asked for."""
    failure = state.outcome.exception() if state.outcome else None
    asked = failure.retry_after if isinstance(failure, Transient) else None
    return max(_backoff(state), asked or 0.0)
