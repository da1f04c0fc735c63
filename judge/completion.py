"""The part of a chat completion that a judge reads, checked as it comes off the wire.

The client library hands out whatever the server sent without checking it; servers that call themselves
compatible send errors with status 200, null choices and log-probabilities in shapes of their own.
"""

from typing import Any, Self

from pydantic import (
    BaseModel,
    Field,
    PrivateAttr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from judge.tokens import TokenUse


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


class Completion(BaseModel):
    """A server's answer with at least one choice; what is not read is ignored."""

    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None
    _raw: bytes = PrivateAttr(b"")
    _cost_usd: float | None = PrivateAttr(None)
    _calls: int = PrivateAttr(1)
    _before: TokenUse | None = PrivateAttr(None)

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """The completion in a response's bytes. Raises pydantic's ValidationError where there is none."""
        completion = cls.model_validate_json(raw)
        completion._raw = raw
        return completion

    def priced(self, cost_usd: float | None) -> Self:
        """The same, and what it cost."""
        self._cost_usd = cost_usd
        return self

    def after(self, earlier: "Completion") -> Self:
        """The same, with what an earlier answer to the same question took counted in."""
        self._calls += earlier.calls
        self._before = earlier.used + (self._before or TokenUse())
        known = self._cost_usd is not None and earlier.cost_usd is not None
        self._cost_usd = (self._cost_usd or 0.0) + (earlier.cost_usd or 0.0) if known else None
        return self

    def singles(self) -> list["Completion"]:
        """A completion for each choice. What all of them took together stands with the first."""
        found: list[Completion] = []
        for index, choice in enumerate(self.choices):
            single = Completion(choices=[choice], usage=None if index else self.usage)
            single._raw, single._calls, single._cost_usd = self._raw, 0, 0.0
            found.append(single)
        found[0]._calls, found[0]._before, found[0]._cost_usd = self._calls, self._before, self._cost_usd
        return found

    @property
    def calls(self) -> int:
        """Requests that it took."""
        return self._calls

    @property
    def thought(self) -> bool:
        """Whether the model reasoned before its reply, as far as the server tells."""
        message = self.choices[0].message
        said = bool(message.reasoning_content or message.reasoning) or self.text.lstrip().startswith(
            "<think>"
        )
        return said or self.used.reasoning > 0

    @property
    def raw(self) -> bytes:
        """The response as it came."""
        return self._raw

    @property
    def cost_usd(self) -> float | None:
        """What it cost when it was asked for; None where the price is not known."""
        return self._cost_usd

    @property
    def used(self) -> TokenUse:
        """The tokens that the server reports, by class; zero where it reports none."""
        if self.usage is None:
            return self._before or TokenUse()
        given, made = self.usage.prompt_tokens_details, self.usage.completion_tokens_details
        read, written = self.usage.prompt_tokens or 0, self.usage.completion_tokens or 0
        own = TokenUse(
            input=read,
            cached=min((given.cached_tokens or 0) if given else 0, read),
            output=written,
            reasoning=min((made.reasoning_tokens or 0) if made else 0, written),
        )
        return own + self._before if self._before else own

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

    @property
    def input_tokens(self) -> int:
        return self.used.input

    @property
    def output_tokens(self) -> int:
        return self.used.output
