"""What a judge on an API is doing right now and what it has done: for the progress line and a stage's metrics."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass
class Activity:
    """Counts since the judge was built.

    Up to the moment `until` (monotonic clock) nothing leaves, for the reason `why`.
    """

    limit: int = 0
    lowest_limit: int = 0
    in_flight: int = 0
    pausing: int = 0
    """Requests that wait for another attempt."""
    requests: int = 0
    answers: int = 0
    retries: Counter[str] = field(default_factory=Counter)
    until: float = 0.0
    why: str = ""
    waited_s: float = 0.0
    last: str = ""
    """The last trouble that led to another attempt."""
    batches: Mapping[str, str] = field(default_factory=dict)
    """How each batch under way stands, by its name."""

    def line(self) -> str:
        """One line about the present: what is in flight, what is waited for and why, what was tried again."""
        said = [f"{self.in_flight} in flight, at most {self.limit}"]
        if self.batches:
            said.append(", ".join(self.batches.values()))
        left = self.until - time.monotonic()
        if left > 0.0:
            said.append(f"waiting {left:.0f} s: {self.why}" if left >= 1.0 else f"waiting: {self.why}")
        if self.pausing:
            said.append(f"{self.pausing:,} waiting for another attempt")
        if self.retries:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.retries.most_common())
            said.append(f"tried again: {kinds} (last: {self.last})")
        return "; ".join(said)

    def figures(self) -> Mapping[str, float]:
        """The counts by name, for metrics."""
        counts = {
            "requests": float(self.requests),
            "answers": float(self.answers),
            "waited_s": self.waited_s,
            LOWEST: float(self.lowest_limit),
        }
        return counts | {f"retries_{kind}": float(count) for kind, count in self.retries.items()}


LOWEST = "lowest_limit"
"""The one figure whose least value counts; all others add up."""


@runtime_checkable
class Watched(Protocol):
    """A judge that says what it is doing."""

    @property
    def activity(self) -> Activity: ...


@runtime_checkable
class AskingOthers(Protocol):
    """A judge that asks other judges."""

    @property
    def members(self) -> Sequence[object]: ...


def activities(judge: object) -> list[Activity]:
    """What this judge is doing, and every judge that it asks; of those that say it."""
    own = [judge.activity] if isinstance(judge, Watched) else []
    return (
        own + [found for m in judge.members for found in activities(m)]
        if isinstance(judge, AskingOthers)
        else own
    )


def total_figures(judge: object) -> Mapping[str, float]:
    """The figures of all `activities` together."""
    together: dict[str, float] = {}
    for activity in activities(judge):
        for name, value in activity.figures().items():
            there = together.get(name)
            together[name] = (
                value if there is None else min(there, value) if name == LOWEST else there + value
            )
    return together
