"""A judge that follows a planted quality, as a model behind an API would word it: text, tokens, log-probabilities.

The quality of an answer is a function of its text: the number in the first `quality=1.5` that stands in it, else a
standard normal draw from its hash. The logit for the answer shown first is

    strength · (quality - quality') + position bias + length bias · log2(length / length') + noise

so what a client ought to recover is known exactly. The answers are found by the marks of the shipped templates; a
chat without them is answered by its hash.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from judge.rehearsal.fault_plan import Draws, FaultPlan

_PLANTED = re.compile(r"\bquality=(-?\d+(?:\.\d+)?)")
_MARK = re.compile(r"^===== ANSWER (\S+) (\S+) =====\n", re.MULTILINE)
_PLAIN = re.compile(r"^A: (.*?)\nB: (.*)\nBetter\?", re.MULTILINE | re.DOTALL)
_NORMAL = NormalDist()
_OTHERS = (
    "The", "I", "Both", "Answer", "\n", "**", "As", "Neither", "It", "Since", "Here", "To", "We", "This", "First",
    "In", "Let", "Given", "Well", "Ok",
)  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """The two answers of a chat as the judge was shown them, and the labels that name them."""

    labels: tuple[str, str] = ("A", "B")
    answers: tuple[str, str] | None = None


@dataclass(frozen=True)
class Form:
    """How a reply is wanted: `listed` tokens with log-probabilities (None: without), `temperature`, as JSON or bare."""

    json: bool
    listed: int | None
    temperature: float
    limit: int | None


def planted_quality(text: str) -> float:
    """The latent quality of an answer: what is planted in its text, else a standard normal by its hash."""
    if planted := _PLANTED.search(text):
        return float(planted[1])
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return _NORMAL.inv_cdf((int.from_bytes(digest, "big") + 0.5) / 2.0**64)


def shown_answers(chat: str) -> Shown:
    """The answers that stand in `chat`, by the marks of the shipped templates; the last pair where there are more."""
    by_fence: dict[str, list[re.Match[str]]] = {}
    for mark in _MARK.finditer(chat):
        by_fence.setdefault(mark[2], []).append(mark)
    pairs = [marks[-2:] for marks in by_fence.values() if len(marks) >= 2]
    if pairs:
        first, second = pairs[-1]
        return Shown((first[1], second[1]), (_marked(chat, first), _marked(chat, second)))
    if plain := _PLAIN.search(chat):
        return Shown(answers=(plain[1], plain[2]))
    return Shown()


def _marked(chat: str, mark: re.Match[str]) -> str:
    end = chat.find(f"\n===== END OF ANSWER {mark[1]} {mark[2]} =====", mark.end() - 1)
    return chat[mark.end() : end if end >= 0 else None]


def planted_logit(plan: FaultPlan, shown: Shown, chat: Draws) -> float:
    """Natural-log odds of the first label against the second."""
    if shown.answers is None:
        return plan.strength * _normal(chat.uniform(1)) + plan.position_bias
    first, second = shown.answers
    logit = plan.strength * (planted_quality(first) - planted_quality(second)) + plan.position_bias
    if plan.length_bias:
        logit += plan.length_bias * math.log2((1 + len(first)) / (1 + len(second)))
    if plan.noise:
        logit += plan.noise * _normal(chat.uniform(2))
    return logit


def planted_completion(
    plan: FaultPlan, asked: dict[str, Any], said: str, chat: Draws, draws: Draws
) -> dict[str, Any]:
    """The body of the completion that the planted judge gives to `asked`, whose messages are `said`."""
    form = (asked.get("response_format") or {}).get("type")
    temperature = asked.get("temperature")
    first_turn = said.partition("\nassistant:\n")[0]  # what was asked, not how a reply to it looked
    wanted = Form(
        json=(form in ("json_schema", "json_object") and form not in plan.ignores)
        or '"verdict"' in first_turn,
        listed=asked.get("top_logprobs", 0)
        if asked.get("logprobs") and "logprobs" not in plan.ignores
        else None,
        temperature=1.0 if temperature is None or "temperature" in plan.ignores else float(temperature),
        limit=asked.get("max_completion_tokens", asked.get("max_tokens")),
    )
    shown = shown_answers(said)
    logit = planted_logit(plan, shown, chat)
    count = 1 if "n" in plan.ignores else asked.get("n", 1)
    choices = [_choice(plan, shown, logit, wanted, draws, index) for index in range(count)]
    read = 1 + len(said) // 4
    written = sum(1 + len(choice["message"]["content"]) // 4 + plan.reasoning_tokens for choice in choices)
    return {
        "id": f"chatcmpl-{draws.digest.hex()[:24]}",
        "object": "chat.completion",
        "created": 0,
        "model": plan.model,
        "choices": choices,
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
            "completion_tokens_details": {"reasoning_tokens": plan.reasoning_tokens * len(choices)},
        },
    }


def _choice(
    plan: FaultPlan, shown: Shown, logit: float, form: Form, draws: Draws, index: int
) -> dict[str, Any]:
    """Choice number `index` of a chat completion."""
    first = _sigmoid(logit)
    if form.temperature == 0.0:
        slot = int(logit < 0.0)
    else:
        slot = int(draws.uniform(2 + index % 5) >= _sigmoid(logit / form.temperature))
    tokens, place = _tokens(shown.labels, slot, form)
    cut = form.limit is not None and len(tokens) > form.limit - plan.reasoning_tokens
    if cut and form.limit is not None:
        tokens = tokens[: max(0, form.limit - plan.reasoning_tokens)]
    return {
        "index": index,
        "message": {"role": "assistant", "content": "".join(tokens), "refusal": None},
        "finish_reason": "length" if cut else "stop",
        "logprobs": None
        if form.listed is None
        else {
            "content": [
                _verdict_token(plan, shown.labels, first, slot, form.listed)
                if at == place
                else _certain_token(token, form.listed)
                for at, token in enumerate(tokens)
            ]
        },
    }


def _tokens(labels: tuple[str, str], slot: int, form: Form) -> tuple[list[str], int]:
    """The reply, and the place of the verdict in it."""
    if not form.json:
        return [labels[slot]], 0
    told = json.dumps(f"Answer {labels[slot]} serves the request better than answer {labels[1 - slot]}.")
    words = re.findall(r"\s*\S+", told)
    return ['{"', "reasoning", '":', *words, ',"', "verdict", '":"', labels[slot], '"}'], len(words) + 6


def _certain_token(token: str, listed: int) -> Mapping[str, Any]:
    alone = {"token": token, "logprob": -0.001}
    return {**alone, "top_logprobs": [alone][:listed]}


def _verdict_token(
    plan: FaultPlan, labels: tuple[str, str], first: float, slot: int, listed: int
) -> Mapping[str, Any]:
    shares = (plan.label_mass * first, plan.label_mass * (1.0 - first))
    logprobs = [math.log(max(share, 1e-300)) for share in shares]
    rest = math.log((1.0 - plan.label_mass) / len(_OTHERS))
    top = [*zip(labels, logprobs, strict=True), *((other, rest) for other in _OTHERS)]
    top.sort(key=lambda entry: -entry[1])
    return {
        "token": labels[slot],
        "logprob": logprobs[slot],
        "top_logprobs": [{"token": token, "logprob": logprob} for token, logprob in top[:listed]],
    }


def _normal(uniform: float) -> float:
    return _NORMAL.inv_cdf(min(max(uniform, 1e-15), 1.0 - 1e-15))


def _sigmoid(logit: float) -> float:
    return 0.5 * (1.0 + math.tanh(0.5 * logit))
