"""A quantity that is not known yet: what it will be at least, probably, and at most."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    low: float = 0.0
    expected: float = 0.0
    high: float = 0.0

    def __add__(self, other: "Spread") -> "Spread":
        return Spread(self.low + other.low, self.expected + other.expected, self.high + other.high)

    def times(self, other: "Spread") -> "Spread":
        """Product of two quantities that grow together."""
        return Spread(self.low * other.low, self.expected * other.expected, self.high * other.high)


NOTHING = Spread()


def exactly(value: float) -> Spread:
    """A quantity that is known."""
    return Spread(value, value, value)


def total(spreads: Iterable[Spread]) -> Spread:
    """Their sum."""
    found = NOTHING
    for spread in spreads:
        found += spread
    return found
