"""The part of a chat completion that a judge reads, checked as it comes off the wire.

The client library hands out whatever the server sent without checking it; servers that call themselves
compatible send errors with status 200, null choices and log-probabilities in shapes of their own.
"""

from typing import Any

from pydantic import BaseModel, Field, ValidationError, ValidatorFunctionWrapHandler, field_validator


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


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Completion(BaseModel):
    """A server's answer with at least one choice; what is not read is ignored."""

    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None

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
        return (self.usage.prompt_tokens or 0) if self.usage else 0

    @property
    def output_tokens(self) -> int:
        return (self.usage.completion_tokens or 0) if self.usage else 0
