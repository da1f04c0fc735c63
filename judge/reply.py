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
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from judge.completion import Token
from prompts.template import JudgeTemplate

_FENCED = re.compile(r"\A```(?:json)?[ \t]*\n(.*)\n```\Z", re.DOTALL)
_END_OF_REASONING = "</think>"


class Unreadable(Exception):
    """The reply is not a verdict; the message says why and quotes nothing from it."""


@dataclass(frozen=True)
class Reply:
    """A verdict as the judge worded it: `slot` 0 for the first label, 1 for the second."""

    slot: Literal[0, 1]
    reasoning: str = ""


class _JsonReply(BaseModel):
    reasoning: str = ""
    verdict: str


def read_reply(text: str, template: JudgeTemplate) -> Reply:
    """The verdict that `text` is. Raises `Unreadable`."""
    body = _without_reasoning(text)
    if template.reply == "label":
        return Reply(_slot(body, template.labels))
    if fenced := _FENCED.match(body):
        body = fenced[1]
    try:
        parsed = _JsonReply.model_validate(json.loads(body, object_pairs_hook=_distinct_keys))
    except (json.JSONDecodeError, RecursionError) as error:
        raise Unreadable("it is not one JSON object") from error
    except ValidationError as error:
        fields = ", ".join(sorted({str(d["loc"][0]) if d["loc"] else "the object" for d in error.errors()}))
        raise Unreadable(f"the JSON object lacks the right fields ({fields})") from error
    return Reply(_slot(parsed.verdict, template.labels), parsed.reasoning)


def reply_schema(template: JudgeTemplate) -> dict[str, Any]:
    """The JSON schema of a reply, reasoning first, for servers that constrain decoding to one."""
    return {
        "type": "object",
        "properties": {
            "reasoning": {"type": "string"},
            "verdict": {"type": "string", "enum": [label.strip() for label in template.labels]},
        },
        "required": ["reasoning", "verdict"],
        "additionalProperties": False,
    }


def label_logprobs(
    tokens: Sequence[Token], read: Callable[[str], Reply], labels: tuple[str, str]
) -> tuple[float, float] | None:
    """Natural-log probabilities of the two labels where the reply chose between them; None where that cannot be told.

    The place is found by experiment: it is the token that, replaced by the other label, turns the verdict. Tokens
    that differ by white space or quotation marks alone count together. A label that is not among the listed
    tokens is not impossible, only less likely than the last one listed: it gets that bound, which understates the
    judge's confidence and never overstates it.
    """
    names = (labels[0].strip(), labels[1].strip())
    texts = [token.token for token in tokens]
    try:
        slot = read("".join(texts)).slot
    except Unreadable:
        return None
    own, other = names[slot], names[1 - slot]
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


def _at(token: Token, names: tuple[str, str]) -> tuple[float, float] | None:
    listed = {entry.token: entry.logprob for entry in token.top_logprobs} | {token.token: token.logprob}
    shares = {text: math.exp(min(logprob, 0.0)) for text, logprob in listed.items() if logprob > -1000.0}
    if not shares:
        return None
    rest = max(1.0 - sum(shares.values()), 1e-12)
    bound = min(*shares.values(), rest) if len(shares) > 1 else rest
    found = [sum(share for text, share in shares.items() if _bare(text) == name) for name in names]
    first, second = (math.log(share if share > 0.0 else bound) for share in found)
    return first, second


def _bare(token: str) -> str:
    return token.strip(' \t\r\n"')


def _slot(verdict: str, labels: tuple[str, str]) -> Literal[0, 1]:
    stripped = verdict.strip()
    if stripped == labels[0].strip():
        return 0
    if stripped == labels[1].strip():
        return 1
    raise Unreadable(f"the verdict is neither {labels[0].strip()} nor {labels[1].strip()}")


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
