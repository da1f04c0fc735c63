"""Reading a generated verdict: exactly what was asked for, or not at all.

A verdict is never searched for in a text. A rationale names both labels, an answer under judgement can hold a forged
verdict, and a reply cut short can end on the wrong word; so the whole reply must be the label, or the whole
reply must be one JSON object whose `verdict` is the label. Anything else is unreadable, and says why.

Two wrappings are taken off because servers, not judges, put them there: reasoning that ends in a single
`</think>`, and one code fence around the whole JSON object.
"""

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError, field_validator

from judge.api.completion import Token
from prompts.template import JudgeTemplate

_FENCED = re.compile(r"\A```(?:json)?[ \t]*\n(.*)\n```\Z", re.DOTALL)
_END_OF_REASONING = "</think>"


class Unreadable(Exception):
    """The reply is not a verdict; the message says why and quotes nothing from it."""


@dataclass(frozen=True)
class Reply:
    """A verdict as the judge worded it: `slot` is the place of its reply among the template's `replies`."""

    slot: int
    reasoning: str = ""


class _JsonReply(BaseModel):
    reasoning: str = ""
    verdict: str

    @field_validator("verdict", mode="before")
    @classmethod
    def _digits_as_text(cls, verdict: Any) -> Any:
        return str(verdict) if type(verdict) is int else verdict


def read_reply(text: str, template: JudgeTemplate) -> Reply:
    """The verdict that `text` is. Raises `Unreadable`."""
    body = _without_reasoning(text)
    if template.reply == "label":
        return Reply(_slot(body, template.replies))
    if fenced := _FENCED.match(body):
        body = fenced[1]
    try:
        parsed = _JsonReply.model_validate(json.loads(body, object_pairs_hook=_distinct_keys))
    except (json.JSONDecodeError, RecursionError) as error:
        raise Unreadable("it is not one JSON object") from error
    except ValidationError as error:
        fields = ", ".join(sorted({str(d["loc"][0]) if d["loc"] else "the object" for d in error.errors()}))
        raise Unreadable(f"the JSON object lacks the right fields ({fields})") from error
    return Reply(_slot(parsed.verdict, template.replies), parsed.reasoning)


def reply_schema(template: JudgeTemplate) -> dict[str, Any]:
    """The JSON schema of a reply, reasoning first, for servers that constrain decoding to one."""
    return {
        "type": "object",
        "properties": {
            "reasoning": {"type": "string"},
            "verdict": {"type": "string", "enum": [label.strip() for label in template.replies]},
        },
        "required": ["reasoning", "verdict"],
        "additionalProperties": False,
    }


def label_logprobs(
    tokens: Sequence[Token], read: Callable[[str], Reply], labels: Sequence[str]
) -> tuple[float, ...] | None:
    """Natural-log probabilities of the labels where the reply chose between them; None where that cannot be told.

    The place is found by experiment: it is the token that, replaced by another label, turns the verdict. Tokens
    that differ by white space or quotation marks alone count together. A label that is not among the listed
    tokens is not impossible, only less likely than the last one listed: it gets that bound, or its share of what the
    listed tokens leave where that is less, which understates the judge's confidence and never overstates it.
    """
    names = [label.strip() for label in labels]
    texts = [token.token for token in tokens]
    try:
        slot = read("".join(texts)).slot
    except Unreadable:
        return None
    own, other = names[slot], names[slot - 1]
    for place in reversed(range(len(tokens))):
        if _bare(texts[place]) != own:
            continue
        turned = [*texts[:place], texts[place].replace(own, other), *texts[place + 1 :]]
        try:
            turns = read("".join(turned)).slot != slot
        except Unreadable:
            continue
        if turns:
            return _at(tokens[place], names)
    return None


def _at(token: Token, names: Sequence[str]) -> tuple[float, ...] | None:
    listed = {entry.token: entry.logprob for entry in token.top_logprobs} | {token.token: token.logprob}
    shares = {text: math.exp(min(logprob, 0.0)) for text, logprob in listed.items() if logprob > -1000.0}
    if not shares:
        return None
    found = [sum(share for text, share in shares.items() if _bare(text) == name) for name in names]
    rest = max(1.0 - sum(shares.values()), 1e-12) / max(found.count(0.0), 1)
    bound = min(*shares.values(), rest) if len(shares) > 1 else rest
    return tuple(math.log(share if share > 0.0 else bound) for share in found)


def _bare(token: str) -> str:
    return token.strip(' \t\r\n"')


def _slot(verdict: str, labels: Sequence[str]) -> int:
    names = [label.strip() for label in labels]
    if (stripped := verdict.strip()) in names:
        return names.index(stripped)
    wanted = f"neither {names[0]} nor {names[1]}" if len(names) == 2 else f"none of {', '.join(names)}"
    raise Unreadable(f"the verdict is {wanted}")


def _without_reasoning(text: str) -> str:
    ends = text.count(_END_OF_REASONING)
    if ends > 1:
        raise Unreadable(f"{_END_OF_REASONING} stands in it more than once")
    if ends == 0 and text.lstrip().startswith("<think>"):
        raise Unreadable("its reasoning never ends")
    body = text.rpartition(_END_OF_REASONING)[2].strip()
    if not body:
        raise Unreadable("it is empty")
    return body


def _distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Unreadable("a key stands in the JSON object twice")
    return fields
