"""When a request may leave: one gate for all requests to a server.

Four things hold a request back: the window (how many may be in flight), the user's limits a minute, what the
server's headers leave, and the brake, which a server that says it is busy puts on everything that has not left yet.
Requests leave in the order they came, those that were tried before first, so that none that has begun runs into its
deadline behind others that have not.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from judge.api.activity import Activity
from judge.api.rates import Allowance, Rate
from judge.api.window import Window

_STORM_S = 0.25
_LONGEST_STORM_S = 30.0
_REQUESTS_CATCH_UP_S = 0.05
_TOKENS_CATCH_UP_S = 1.0


@dataclass(slots=True)
class Turn:
    """A request on its way: its number, the tokens it is thought to take, and what had left with it."""

    number: int
    tokens: float
    requests_sent: float
    tokens_sent: float


class Throttle:
    """Lets requests leave; `most` in flight. `longest_wait_s` bounds every wait that a server asks for."""

    def __init__(
        self,
        most: int,
        longest_wait_s: float,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
    ) -> None:
        self._window = Window(most)
        self._longest_wait_s = longest_wait_s
        self._requests = Rate(requests_per_minute, _REQUESTS_CATCH_UP_S) if requests_per_minute else None
        self._tokens = Rate(tokens_per_minute, _TOKENS_CATCH_UP_S) if tokens_per_minute else None
        self._left = (Allowance("requests"), Allowance("tokens"))
        self._waiting: deque[tuple[asyncio.Future[Turn], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._brake_until = 0.0
        self._brake_why = ""
        self._number = 0
        self.activity = Activity(limit=most, lowest_limit=most)

    async def enter(self, tokens: float, *, again: bool = False) -> Turn:
        """Wait until a request of about `tokens` tokens may leave; `again` goes before those that have not left yet."""
        if not self._waiting and not self._held_until(tokens)[0]:
            return self._let_go(tokens)
        granted: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        (self._waiting.appendleft if again else self._waiting.append)((granted, tokens))
        self._release()
        try:
            return await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self.leave(granted.result())
            raise

    def leave(
        self, turn: Turn, tokens: float | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """A request is over: it took `tokens`, and its answer had these headers (None: not known, no answer)."""
        self._window.in_flight = max(0, self._window.in_flight - 1)
        if tokens is not None and self._tokens is not None:
            self._tokens.correct(tokens - turn.tokens)
        if headers is not None:
            now = time.monotonic()
            requests, of_tokens = self._left
            requests.told(headers, turn.number, turn.requests_sent, now, self._longest_wait_s)
            of_tokens.told(headers, turn.number, turn.tokens_sent, now, self._longest_wait_s)
        self._note()
        if self._waiting:
            self._release()

    def count(self, *, busy: bool, why: str = "", asked_s: float | None = None) -> None:
        """An answer came; a `busy` one asks to be left alone for `asked_s` seconds, where it says so."""
        self.activity.answers += 1
        storms = self._window.answered(busy)
        if busy and asked_s:
            self._brake(min(asked_s, self._longest_wait_s), why)
        elif storms:
            # Everything is refused and nothing is said about how long: ask again more and more seldom.
            longest = min(_LONGEST_STORM_S, _STORM_S * 2.0 ** min(storms - 1, 16), self._longest_wait_s)
            self._brake(longest * random.uniform(0.5, 1.0), why)

    def close(self) -> None:
        """Forget who waits: the event loop ends. What was learned of the server stays."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._waiting.clear()
        self._window.in_flight = 0
        self._note()

    def _brake(self, seconds: float, why: str) -> None:
        now = time.monotonic()
        until = now + seconds
        if until > self._brake_until:
            self.activity.waited_s += until - max(now, self._brake_until)
            self._brake_until, self._brake_why = until, why
            self._note()

    def _held_until(self, tokens: float) -> tuple[float, str]:
        """Seconds until the next request may leave and what holds it; infinity for the window, 0 where nothing does."""
        if not self._window.free:
            return float("inf"), ""
        now = time.monotonic()
        waits = [(self._brake_until - now, self._brake_why)]
        for left, units in zip(self._left, (1.0, tokens), strict=True):
            waits.append((left.wait(now, units), "the server allows no more until then"))
        for rate, unit in ((self._requests, "requests"), (self._tokens, "tokens")):
            if rate is not None:
                waits.append((rate.wait(now), f"judge.{unit}_per_minute"))
        longest = max(waits)
        return longest if longest[0] > 0.0 else (0.0, "")

    def _let_go(self, tokens: float) -> Turn:
        now = time.monotonic()
        self._window.in_flight += 1
        self._number += 1
        self.activity.requests += 1
        if self._requests is not None:
            self._requests.take(1.0, now)
        if self._tokens is not None:
            self._tokens.take(tokens, now)
        requests, of_tokens = self._left
        requests.take(1.0)
        of_tokens.take(tokens)
        self.activity.in_flight = self._window.in_flight
        return Turn(self._number, tokens, requests.sent, of_tokens.sent)

    def _release(self) -> None:
        """Let go whoever may go, and come back when the next one may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            granted, tokens = self._waiting[0]
            if granted.done():  # cancelled
                self._waiting.popleft()
                continue
            held_s, why = self._held_until(tokens)
            if not held_s:
                self._waiting.popleft()
                granted.set_result(self._let_go(tokens))
                continue
            if held_s != float("inf"):
                self.activity.until, self.activity.why = time.monotonic() + held_s, why
                self._timer = asyncio.get_running_loop().call_later(held_s, self._release)
            return

    def _note(self) -> None:
        activity, window = self.activity, self._window
        activity.in_flight, activity.limit = window.in_flight, int(window.limit)
        activity.lowest_limit = min(activity.lowest_limit, int(window.lowest))
