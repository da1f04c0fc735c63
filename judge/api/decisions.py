"""Typed decision endpoints: a question with options goes in, a probability for each option comes out, no text.

Two dialects, both one forward pass and nothing to parse:

- `systemone` (`POST /v1/systemone`: `transformers serve`, vLLM, llama.cpp): a state and named questions.
- `decisions` (`POST /v1/decisions`: the OpenAI API, SGLang): an input of messages and a list of questions.

The judge's chat stands as the state, whole, and the question after it repeats the choice, so the server's own
wording comes last. What comes back is told as a chat completion of one token with the options' log-probabilities, so
that nothing else needs to know how a verdict was asked for. The probabilities are normalised over the options by the
server: what share of the model's whole probability they held is not known.

Left out: several questions in one request. They share a prompt, and a judge's two orders must not.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field

from store.records import Message

Dialect = Literal["systemone", "decisions"]

DIALECTS: tuple[Dialect, ...] = ("systemone", "decisions")

_NAME = "better"
_QUESTION = "Which answer to the request is better?"
_TIE = "Neither is better"
_LEAST = 1e-7
"""Probabilities come rounded to 32 bits, where 0 and 1 mean no more than very near."""


class _SystemOneAnswer(BaseModel):
    probabilities: dict[str, float]


class _SystemOne(BaseModel):
    answers: dict[str, _SystemOneAnswer]
    usage: dict[str, Any] = {}


class _Probability(BaseModel):
    value: str | bool
    probability: float


class _DecisionAnswer(BaseModel):
    type: str
    probabilities: list[_Probability] = []


class _Decisions(BaseModel):
    answers: list[_DecisionAnswer] = Field(min_length=1)
    usage: dict[str, Any] = {}


@dataclass(frozen=True)
class DecisionEndpoint:
    """Where a chat that ends in a choice between `labels` (the third, where there is one, is a tie) is put, and how."""

    dialect: Dialect
    labels: tuple[str, ...]

    @property
    def path(self) -> str:
        return f"/{self.dialect}"

    def request(self, model: str, chat: Sequence[Message]) -> dict[str, Any]:
        """See `decision_request`."""
        return decision_request(self.dialect, model, chat, self.labels)

    def as_completion(self, raw: bytes) -> bytes:
        """See `decision_as_completion`."""
        return decision_as_completion(self.dialect, raw, self.labels)


def decision_request(
    dialect: Dialect, model: str, chat: Sequence[Message], labels: Sequence[str]
) -> dict[str, Any]:
    """The body that puts `chat` as a choice between its labels (the third, where there is one, is a tie)."""
    options = _options(labels)
    if dialect == "systemone":
        question = {"type": "choice", "instructions": _QUESTION, "criteria": dict.fromkeys(options)}
        state = "\n\n".join(message.content for message in chat)
        return {"model": model, "state": state, "questions": {_NAME: question}}
    choices = [{"value": option, "description": option} for option in options]
    return {
        "model": model,
        "input": [{"role": message.role, "content": message.content} for message in chat],
        "questions": [{"type": "choice", "name": _NAME, "instructions": _QUESTION, "choices": choices}],
    }


def decision_as_completion(dialect: Dialect, raw: bytes, labels: Sequence[str]) -> bytes:
    """The answer to `decision_request` as the JSON of a chat completion that consists of the likeliest label.

    Raises pydantic's ValidationError, or ValueError for an answer without a finite probability for each option.
    """
    options = _options(labels)
    if dialect == "systemone":
        read = _SystemOne.model_validate_json(raw)
        found = read.answers[_NAME].probabilities if _NAME in read.answers else {}
        usage = read.usage
    else:
        answered = _Decisions.model_validate_json(raw)
        if answered.answers[0].type == "refusal":
            return _completion(dialect, None, [], answered.usage)
        found = {str(entry.value): entry.probability for entry in answered.answers[0].probabilities}
        usage = answered.usage
    shares = [found.get(option, math.nan) for option in options]
    if not all(0.0 <= share <= 1.0 + 1e-6 for share in shares) or not sum(shares):
        raise ValueError("the decision has no probability for each option")
    bounded = [max(share, _LEAST) for share in shares]
    logprobs = [math.log(share / sum(bounded)) for share in bounded]
    listed = [
        {"token": label.strip(), "logprob": logprob} for label, logprob in zip(labels, logprobs, strict=True)
    ]
    return _completion(dialect, listed[logprobs.index(max(logprobs))], listed, usage)


def _completion(
    dialect: Dialect, chosen: dict[str, Any] | None, listed: list[dict[str, Any]], usage: dict[str, Any]
) -> bytes:
    choice: dict[str, Any] = {"message": {"refusal": "the question was refused"}, "finish_reason": "stop"}
    if chosen is not None:
        choice["message"] = {"content": chosen["token"]}
        choice["logprobs"] = {"content": [{**chosen, "top_logprobs": listed}]}
    told = {
        "object": dialect,
        "choices": [choice],
        "usage": {
            "prompt_tokens": usage.get("input_tokens"),
            "completion_tokens": usage.get("output_tokens"),
            "prompt_tokens_details": usage.get("input_tokens_details"),
            "completion_tokens_details": usage.get("output_tokens_details"),
        },
    }
    return json.dumps(told).encode()


def _options(labels: Sequence[str]) -> list[str]:
    return [f"Answer {label.strip()}" for label in labels[:2]] + [_TIE for _ in labels[2:]]
