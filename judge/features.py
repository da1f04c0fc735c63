"""What an endpoint can be asked for, learned from what it rejects.

Compatible servers differ in which parameters they take, and say so only by refusing a request. A request starts
with everything, and after each refusal asks for one thing less: the one the server named, else the next in
a fixed order. Only an answer proves that the reduced form works, so only then is it kept for later requests: one
refusal that has other reasons costs nothing but itself.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from judge.settings import ApiJudgeSettings

_FEWER_LOGPROBS = {20: 5, 5: 0}
"""The OpenAI API lists at most 20 tokens for a place, some servers 5, some none."""

_LESSER_FORMAT: dict[str, Literal["json_schema", "json_object", "text"]] = {
    "json_schema": "json_object",
    "json_object": "text",
}


@dataclass(frozen=True)
class Features:
    """The optional parts of a request: form of the reply, tokens listed with log-probabilities, temperature, limit."""

    format: Literal["json_schema", "json_object", "text"]
    top_logprobs: int
    temperature: bool
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    fixed_format: bool = False

    @classmethod
    def first(cls, settings: ApiJudgeSettings, reply: Literal["label", "json"]) -> Self:
        """What to try first. A bare label needs no form."""
        fixed = reply == "label" or settings.structured != "auto"
        form: Literal["json_schema", "json_object", "text"] = "text"
        if reply == "json":
            form = "json_schema" if settings.structured == "auto" else settings.structured
        return cls(
            format=form,
            top_logprobs=20 if settings.logprobs == "auto" else 0,
            temperature=settings.temperature is not None,
            fixed_format=fixed,
        )

    def without(self, words: str) -> "Features | None":
        """One thing less, by the words of a refusal in lower case; None where nothing is left to leave out."""
        lesser_format = None if self.fixed_format else _LESSER_FORMAT.get(self.format)
        fewer_logprobs = (
            replace(self, top_logprobs=_FEWER_LOGPROBS[self.top_logprobs]) if self.top_logprobs else None
        )
        by_name: list[tuple[tuple[str, ...], Features | None]] = [
            (
                ("max_tokens", "max_completion_tokens"),
                replace(self, limit="max_completion_tokens") if self.limit == "max_tokens" else None,
            ),
            (("logprob",), fewer_logprobs),
            (("temperature",), replace(self, temperature=False) if self.temperature else None),
            (
                ("response_format", "json_schema", "json_object", "json mode", "structured"),
                replace(self, format=lesser_format) if lesser_format else None,
            ),
        ]
        for names, lesser in by_name:
            if lesser is not None and any(name in words for name in names):
                return lesser
        # Nothing recognisable was named: the form of the reply is what servers refuse most.
        if lesser_format:
            return replace(self, format=lesser_format)
        return replace(self, top_logprobs=0) if self.top_logprobs else None

    def parameters(self, settings: ApiJudgeSettings, schema: dict[str, Any]) -> dict[str, Any]:
        """The request's optional parameters."""
        asked: dict[str, Any] = {self.limit: settings.max_tokens}
        if self.temperature:
            asked["temperature"] = settings.temperature
        if self.top_logprobs:
            asked |= {"logprobs": True, "top_logprobs": self.top_logprobs}
        if self.format == "json_schema":
            asked["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "verdict", "strict": True, "schema": schema},
            }
        elif self.format == "json_object":
            asked["response_format"] = {"type": "json_object"}
        return asked
