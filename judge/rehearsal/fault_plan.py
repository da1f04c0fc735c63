"""What the fault server is to do wrong, and when: drawn from the request's own hash and its attempt number.

A fault is a function of (seed, chat, how often this chat was asked before), so the same client sees the same faults
whatever the order its requests arrive in. Two things depend on time and order by nature, and only they do: storms
(counted in requests) and the limits on rate and load.
"""

import hashlib
from typing import Literal, Self

from pydantic import Field, model_validator

from judge.api.decisions import Dialect
from prompts.settings import Settings

Fault = Literal[
    "rate_limit", "server_error", "stall", "half_closed", "malformed", "truncated", "wrong_type", "no_choices",
    "unreadable", "refusal", "content_filter", "too_long",
]  # fmt: skip

PASSING: tuple[Fault, ...] = (
    "rate_limit", "server_error", "stall", "half_closed", "malformed", "truncated", "wrong_type", "no_choices",
    "unreadable",
)  # fmt: skip
"""Drawn anew at every attempt; their shares are shares of attempts."""

LASTING: tuple[Fault, ...] = ("refusal", "content_filter", "too_long")
"""Drawn once for a chat: asking again gives the same; their shares are shares of chats."""

Feature = Literal[
    "logprobs", "n", "json_schema", "json_object", "system", "temperature", "max_tokens",
    "max_completion_tokens", "models",
]  # fmt: skip


class FaultPlan(Settings):
    """Every knob of the fault server. Shares are in [0, 1], times in seconds."""

    seed: int = Field(default=0, description="Of every draw.")
    model: str = Field(default="planted-judge", description="The only model it has.")
    api_key: str | None = Field(default=None, description="Refuse every other key with 401.")
    latency: float = Field(default=0.0, ge=0.0, description="Seconds from a request to its answer.")
    jitter: float = Field(default=0.0, ge=0.0, le=1.0, description="Latency varies by this share either way.")

    strength: float = Field(
        default=2.0, description="Logit for the better answer by each unit of planted quality."
    )
    noise: float = Field(
        default=0.0, ge=0.0, description="Standard deviation of the logit's own noise, by chat."
    )
    position_bias: float = Field(default=0.0, description="Logit added for the answer shown first.")
    length_bias: float = Field(default=0.0, description="Logit added by each doubling of an answer's length.")
    label_mass: float = Field(
        default=0.97, gt=0.0, lt=1.0, description="Probability of the two labels together."
    )
    reasoning_tokens: int = Field(default=0, ge=0, description="Hidden tokens of thought in every reply.")

    faults: dict[Fault, float] = Field(default={}, description="Share of each fault.")
    retry_after: float = Field(
        default=0.05, ge=0.0, description="Seconds that a refused client is told to wait."
    )
    stall: float = Field(default=30.0, ge=0.0, description="Seconds that a stalled connection stays open.")
    storm_every: int = Field(
        default=0, ge=0, description="A storm of 429 in every so many requests; 0: none."
    )
    storm_length: int = Field(default=0, ge=0, description="Requests refused in a storm.")
    capacity: int = Field(default=0, ge=0, description="Requests at once before it answers 429; 0: no limit.")
    requests_per_minute: int = Field(default=0, ge=0, description="More are answered with 429; 0: no limit.")

    refuses: frozenset[Feature] = Field(default=frozenset(), description="Features answered with an error.")
    ignores: frozenset[Feature] = Field(
        default=frozenset(), description="Features that are accepted and do nothing."
    )
    offers: frozenset[Dialect] = Field(
        default=frozenset(), description="Typed decision endpoints that it has."
    )
    top_logprobs: int = Field(
        default=20, ge=0, description="The most listed tokens it gives; more is refused."
    )

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if any(share < 0.0 for share in self.faults.values()):
            raise ValueError("faults: a share is negative")
        for kinds in (PASSING, LASTING):
            if sum(self.faults.get(kind, 0.0) for kind in kinds) > 1.0:
                raise ValueError(f"faults: the shares of {', '.join(kinds)} come to more than 1")
        return self


def evenly(share: float) -> dict[Fault, float]:
    """Every kind of fault, with `share` in all."""
    kinds = (*PASSING, *LASTING)
    return {kind: share / len(kinds) for kind in kinds}


class Draws:
    """Eight uniform numbers in [0, 1) that depend on the seed and on `text`, and on nothing else."""

    __slots__ = ("digest",)

    def __init__(self, seed: int, text: bytes) -> None:
        self.digest = hashlib.blake2b(text, salt=seed.to_bytes(16, "big", signed=True)).digest()

    def uniform(self, index: int) -> float:
        """The number at `index` from 0 to 7."""
        return int.from_bytes(self.digest[8 * index : 8 * index + 8], "big") / 2.0**64

    def choice(self, index: int, among: int) -> int:
        """An integer in [0, among)."""
        return int(self.uniform(index) * among)


def draw_fault(plan: FaultPlan, chat: Draws, attempt: Draws) -> Fault | None:
    """What goes wrong, by the chat's own draws for lasting faults, by the attempt's for passing ones."""
    for kinds, draws in ((LASTING, chat), (PASSING, attempt)):
        left = draws.uniform(0)
        for kind in kinds:
            left -= plan.faults.get(kind, 0.0)
            if left < 0.0:
                return kind
    return None
