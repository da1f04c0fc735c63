"""The part of a chat completion that a judge reads, checked as it comes off the wire.

The client library hands out whatever the server sent without checking it; servers that call themselves
compatible send errors with status 200, null choices and log-probabilities in shapes of their own.
"""

from dataclasses import dataclass
from typing import Any, Self

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from judge.api.tokens import TokenUse


class ListedToken(BaseModel):
    token: str
    logprob: float


class Token(ListedToken):
    """A generated token, its natural-log probability, and the likeliest tokens in its place."""

    top_logprobs: list[ListedToken] = []


class _Logprobs(BaseModel):
    content: list[Token] | None = None


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None
    reasoning: Any = None
    reasoning_content: Any = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None

    @field_validator("logprobs", mode="wrap")
    @classmethod
    def _in_the_usual_shape_or_none(
        cls, value: Any, handler: ValidatorFunctionWrapHandler
    ) -> _Logprobs | None:
        try:
            logprobs: _Logprobs | None = handler(value)
        except ValidationError:
            return None
        return logprobs


class _InputDetails(BaseModel):
    cached_tokens: int | None = None


class _OutputDetails(BaseModel):
    reasoning_tokens: int | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None

    @field_validator("prompt_tokens_details", "completion_tokens_details", mode="wrap")
    @classmethod
    def _in_the_usual_shape_or_none(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            return None

    @property
    def tokens(self) -> TokenUse:
        given, made = self.prompt_tokens_details, self.completion_tokens_details
        read, written = self.prompt_tokens or 0, self.completion_tokens or 0
        return TokenUse(
            input=read,
            cached=min((given.cached_tokens or 0) if given else 0, read),
            output=written,
            reasoning=min((made.reasoning_tokens or 0) if made else 0, written),
        )


class _Body(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


@dataclass(slots=True)
class Completion:
    """A server's answer with at least one choice; what is not read is ignored.

    `used` are the tokens that the server reports, by class (zero where it reports none), `raw` the response as it
    came, `cost_usd` what it cost when it was asked for (None: the price is not known), `calls` the requests it took.
    """

    choices: list[_Choice]
    used: TokenUse
    raw: bytes
    cost_usd: float | None = None
    calls: int = 1

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """The completion in a response's bytes. Raises pydantic's ValidationError where there is none."""
        body = _Body.model_validate_json(raw)
        return cls(body.choices, body.usage.tokens if body.usage else TokenUse(), raw)

    def priced(self, cost_usd: float | None) -> Self:
        """The same, and what it cost."""
        self.cost_usd = cost_usd
        return self

    def after(self, earlier: "Completion") -> Self:
        """The same, with what an earlier answer to the same question took counted in."""
        self.calls += earlier.calls
        self.used += earlier.used
        known = self.cost_usd is not None and earlier.cost_usd is not None
        self.cost_usd = (self.cost_usd or 0.0) + (earlier.cost_usd or 0.0) if known else None
        return self

    def singles(self) -> list["Completion"]:
        """A completion for each choice. What all of them took together stands with the first."""
        first = Completion(self.choices[:1], self.used, self.raw, self.cost_usd, self.calls)
        return [first, *(Completion([c], TokenUse(), self.raw, 0.0, 0) for c in self.choices[1:])]

    @property
    def thought(self) -> bool:
        """Whether the model reasoned before its reply, as far as the server tells."""
        message = self.choices[0].message
        said = bool(message.reasoning_content or message.reasoning) or self.text.lstrip().startswith(
            "<think>"
        )
        return said or self.used.reasoning > 0

    @property
    def complete(self) -> bool:
        """Whether the model ended its reply itself and said something: no refusal, no filter, not cut."""
        return bool(self.text) and not self.refusal and self.finish_reason not in ("content_filter", "length")

    @property
    def text(self) -> str:
        return self.choices[0].message.content or ""

    @property
    def refusal(self) -> str | None:
        return self.choices[0].message.refusal

    @property
    def finish_reason(self) -> str | None:
        return self.choices[0].finish_reason

    @property
    def tokens(self) -> list[Token]:
        logprobs = self.choices[0].logprobs
        return (logprobs.content or []) if logprobs else []
