"""Limits over time: the user's, in units a minute, and the server's, as it tells them in the headers of its answers."""

from collections.abc import Mapping

from judge.api.waiting import WINDOWS, reset_s


class Rate:
    """At most `per_minute` units in any minute, spread evenly (the generic cell rate algorithm, ITU-T I.371).

    Up to `catch_up_s` seconds' worth may leave at once after a pause; a request larger than that leaves when its turn
    comes and what follows waits for it. Times are seconds of one clock.
    """

    def __init__(self, per_minute: float, catch_up_s: float) -> None:
        self._catch_up_s = catch_up_s
        # What the pause lets through comes off the rate, so that no minute has more than its share.
        self._unit_s = 60.0 / (per_minute * (1.0 - catch_up_s / 60.0))
        self._next = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next request may leave."""
        return max(0.0, self._next - now)

    def take(self, units: float, now: float) -> None:
        """A request of so many units leaves."""
        self._next = max(self._next, now - self._catch_up_s) + units * self._unit_s

    def correct(self, units: float) -> None:
        """A request took so many units more (or fewer, below zero) than was thought."""
        self._next += units * self._unit_s


class Allowance:
    """What the server's `x-ratelimit-` headers leave of one thing (`requests` or `tokens`), for all requests together.

    An answer speaks of the moment when its request arrived, so what left after that is taken off. Once nothing is
    left, nothing leaves until the server's reset; the newest request's answer counts.
    """

    def __init__(self, counted: str) -> None:
        self._headers = [(left, reset) for what, left, reset in WINDOWS if what == counted]
        self._left: float | None = None
        self._until = 0.0
        self._newest = -1
        self._sent = 0.0

    @property
    def sent(self) -> float:
        """Units that have left so far."""
        return self._sent

    def wait(self, now: float, units: float = 1.0) -> float:
        """Seconds until a request of so many units may leave."""
        if self._left is None or self._left >= units:
            return 0.0
        if now >= self._until:
            self._left = None
            return 0.0
        return self._until - now

    def take(self, units: float) -> None:
        """A request of so many units leaves."""
        self._sent += units
        if self._left is not None:
            self._left -= units

    def told(
        self, headers: Mapping[str, str], number: int, sent_with: float, now: float, most_s: float
    ) -> None:
        """The answer to request `number`, which left when `sent_with` units had. Waits are bounded by `most_s`."""
        if number < self._newest:
            return
        for left_name, reset_name in self._headers:
            value = headers.get(left_name)
            if value is None or (reset := reset_s(headers, reset_name)) is None:
                continue
            try:
                left = float(value)
            except ValueError:
                continue
            self._newest = number
            self._left = left - (self._sent - sent_with)
            self._until = now + min(reset, most_s)
            return
