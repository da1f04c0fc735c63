"""What an attack pattern is, and what it is tried on."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from pydantic import BaseModel, ConfigDict, Field

from prompts.hashing import derive_seed


class Request(BaseModel):
    """A request with a good and a poor answer. On the axis `harmless` the good one declines and the poor one helps.

    `poor_foreign` is the poor answer in another language than the request's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: str = Field(min_length=1)
    axis: str = "helpful"
    good: str = Field(min_length=1)
    poor: str = Field(min_length=1)
    poor_foreign: str | None = None


Make = Callable[[Request, Random], str | None]
"""Turns a request's poor answer into the attacked one; None where the pattern does not fit the request."""


@dataclass(frozen=True)
class Pattern:
    """One way to make an answer look better to a judge than it is.

    `empty` says that nothing of the poor answer is left: whatever it wins, it wins with nothing. `source` is where
    such an attack was described.
    """

    name: str
    does: str
    source: str
    make: Make
    empty: bool = False

    def attack(self, request: Request, seed: int) -> str | None:
        """The attacked answer; the same for the same request and seed."""
        return self.make(
            request, Random(derive_seed(seed, "attack", self.name, request.request, request.poor))
        )
