"""What an endpoint can be asked for, learned from what it rejects.

Compatible servers differ in which parameters they take, and say so only by refusing a request. A request starts
with everything, and after each refusal asks for one thing less: the one the server named, else the next in
a fixed order. Only an answer proves that the reduced form works, so only then is it kept for later requests: one
refusal that has other reasons costs nothing but itself.

Models that reason before they reply take no temperature, give no log-probabilities, and count what they think against
the limit of tokens. They show themselves by refusing `max_tokens` or by reporting what they thought; from then on the
limit has room for that.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from judge.settings import ApiJudgeSettings
from store.records import Message

Form = Literal["json_schema", "json_object", "text"]
SystemRole = Literal["system", "developer", "user"]

_FEWER_LOGPROBS = {20: 5, 5: 0}
"""The OpenAI API lists at most 20 tokens for a place, some servers 5, some none."""

_LESSER_FORMAT: dict[str, Form] = {"json_schema": "json_object", "json_object": "text"}
_OTHER_ROLE: dict[str, SystemRole] = {"system": "developer", "developer": "user"}

_N = re.compile(r"(?<![\w-])n(?![\w-])")
_ROLE = re.compile(r"\b(?:system|developer)\b")


@dataclass(frozen=True)
class Features:
    """The optional parts of a request.

    `format` of the reply, tokens listed with log-probabilities, temperature, the name of the token limit, several
    replies at once (`n`), the role that instructions stand under, `reasoning_effort`; `thinks` says that the model
    reasons before it replies.
    """

    format: Form
    top_logprobs: int
    temperature: bool
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    fixed_format: bool = False
    n: bool = True
    system: SystemRole = "system"
    effort: bool = False
    thinks: bool = False

    @classmethod
    def first(cls, settings: ApiJudgeSettings, reply: Literal["label", "json"]) -> Self:
        """What to try first. A bare label needs no form."""
        fixed = reply == "label" or settings.structured != "auto"
        form: Form = "text"
        if reply == "json":
            form = "json_schema" if settings.structured == "auto" else settings.structured
        return cls(
            format=form,
            top_logprobs=20 if settings.logprobs == "auto" else 0,
            temperature=settings.temperature is not None,
            fixed_format=fixed,
            effort=settings.reasoning_effort is not None,
        )

    def without(self, words: str, *, instructed: bool = False, several: bool = False) -> "Features | None":
        """One thing less, by the words of a refusal in lower case; None where nothing is left to leave out.

        `instructed` says that the chat has a system message, `several` that several replies were asked for.
        """
        lesser_format = None if self.fixed_format else _LESSER_FORMAT.get(self.format)
        formless = replace(self, format=lesser_format) if lesser_format else None
        fewer_logprobs = (
            replace(self, top_logprobs=_FEWER_LOGPROBS[self.top_logprobs]) if self.top_logprobs else None
        )
        other_role = (
            replace(self, system=_OTHER_ROLE[self.system]) if instructed and self.system != "user" else None
        )
        single = replace(self, n=False) if several and self.n else None
        other_limit = (
            replace(self, limit="max_completion_tokens", thinks=True) if self.limit == "max_tokens" else None
        )
        by_name: list[tuple[str, Features | None]] = [
            (r"max_tokens|max_completion_tokens", other_limit),
            (r"logprob", fewer_logprobs),
            (r"reasoning_effort|reasoning\.effort", replace(self, effort=False) if self.effort else None),
            (r"temperature", replace(self, temperature=False) if self.temperature else None),
            (r"response_format|json_schema|json_object|json mode|structured", formless),
            (_N.pattern, single),
            (_ROLE.pattern, other_role),
        ]
        for names, lesser in by_name:
            if lesser is not None and re.search(names, words):
                return lesser
        # Nothing recognisable was named: the form of the reply is what servers refuse most.
        bare = replace(self, top_logprobs=0) if self.top_logprobs else None
        in_user_turn = replace(self, system="user") if other_role else None
        return next((lesser for lesser in (formless, bare, single, in_user_turn) if lesser is not None), None)

    def parameters(self, settings: ApiJudgeSettings, schema: dict[str, Any]) -> dict[str, Any]:
        """The request's optional parameters."""
        room = settings.reasoning_tokens if self.thinks else 0
        asked: dict[str, Any] = {self.limit: settings.max_tokens + room}
        if self.temperature:
            asked["temperature"] = settings.temperature
        if self.effort:
            asked["reasoning_effort"] = settings.reasoning_effort
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

    def messages(self, chat: Sequence[Message]) -> list[dict[str, str]]:
        """The chat as it is sent, its instructions under the role that the server takes."""
        said = [{"role": message.role, "content": message.content} for message in chat]
        if self.system == "system":
            return said
        if self.system == "developer":
            return [turn | {"role": "developer"} if turn["role"] == "system" else turn for turn in said]
        instructions = [turn["content"] for turn in said if turn["role"] == "system"]
        turns = [turn for turn in said if turn["role"] != "system"]
        if instructions:
            first = turns[0]["content"] if turns and turns[0]["role"] == "user" else ""
            whole = "\n\n".join([*instructions, first] if first else instructions)
            turns = [{"role": "user", "content": whole}, *(turns[1:] if first else turns)]
        return turns
