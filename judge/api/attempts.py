"""One request until it is answered: when it leaves, how long it may take, and what is worth another attempt.

Each kind of trouble has its own attempts, so that a request that met a broken connection and two busy servers is not
counted out for bad luck. Time is bounded three ways: connecting, one attempt by `timeout_s`, a request with all its
attempts by `deadline_s`, counted from when the first one leaves. The time until the next attempt doubles, is drawn at
random below that (so that requests that failed together do not come back together), and is never less than the
server asked for.
"""

import asyncio
import json
import random
import time
from collections import Counter
from typing import Any

from judge.api.completion import Completion
from judge.api.decisions import DecisionEndpoint
from judge.api.failures import Failure, GaveUp, Transient, classify, stated_status
from judge.api.throttle import Throttle
from judge.api.wire import Response, Wire
from judge.errors import JudgeStopped
from judge.settings import ApiJudgeSettings

_PATH = "/chat/completions"
_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 0.25, 30.0
_BYTES_PER_TOKEN = 4.0
_LEARNING = 0.05
"""Weight of the newest reply in the mean length of replies."""

_as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Attempts:
    """Sends requests when `throttle` lets them leave. `decisions` are asked for in place of chat completions."""

    def __init__(
        self, settings: ApiJudgeSettings, throttle: Throttle, decisions: DecisionEndpoint | None
    ) -> None:
        self._settings = settings
        self._throttle = throttle
        self._decisions = decisions
        self._reply_tokens = float(settings.max_tokens)

    async def ask(self, wire: Wire, request: dict[str, Any]) -> Completion:
        """The answer to a request, after as many attempts as it takes.

        Raises `Transient` where every attempt failed, and what `classify` gives that no attempt can mend.
        """
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
