"""A constitution of three axes, answers with a planted merit on each, and perfect readers of what they are asked."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from judge import Judge
from prompts.constitution import Constitution, load_constitution
from prompts.hashing import content_hash
from prompts.prompt import Message
from store.records import Comparison, Verdict
from tests.answers import answered, asked, compared

TEXT = """\
name: parts
version: "1"
principles:
  - {id: right, axis: helpful, weight: 3.0, text: Be right.}
  - {id: short, axis: helpful, weight: 1.0, text: Be short.}
  - {id: safe, axis: harmless, weight: 2.0, text: Do no harm.}
  - {id: frank, axis: honest, weight: 2.0, text: Be honest.}
"""
MERITS = {"Be right.": "right", "Be short.": "short", "Do no harm.": "safe", "Be honest.": "frank"}
WEIGHTS = {"right": 3.0, "short": 1.0, "safe": 2.0, "frank": 2.0}


def parts_file(folder: Path) -> Path:
    path = folder / "parts.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def parts_constitution(folder: Path) -> Constitution:
    return load_constitution(parts_file(folder))


def answer(**merits: int) -> str:
    """An answer of these merits, 0 where none is given."""
    return " ".join(f"{name}={merits.get(name, 0)}" for name in WEIGHTS)


def comparison_of(
    constitution: Constitution, first: str, second: str, *tags: str, reference: str | None = None
) -> Comparison:
    prompt = asked("Which?", tags=tags, reference=reference)
    one, other = (
        answered(prompt, index, text, seed=int(content_hash(text)[:8], 16))
        for index, text in enumerate((first, second))
    )
    return compared(prompt, one, other, constitution.hash)


def asked_about(text: str) -> set[str]:
    """The merits that the principles in a prompt speak of."""
    return {merit for words, merit in MERITS.items() if words in text}


def merits_shown(text: str, asked: set[str]) -> list[float]:
    """The weighted merit of each answer shown, in the order shown, by what was asked about alone."""
    found = re.findall(r"right=(\d+) short=(\d+) safe=(\d+) frank=(\d+)", text)
    return [
        sum(WEIGHTS[name] * int(value) for name, value in zip(WEIGHTS, values, strict=True) if name in asked)
        for values in found
    ]


class MeritReader:
    """Prefers merit in what it is asked about, by one logit a unit of weighted merit; likes the first by `bias`."""

    revision = "rev_merit"

    def __init__(self, bias: float = 0.0) -> None:
        self.asked: list[set[str]] = []
        self._bias = bias

    def label_logprobs(
        self, chats: Sequence[Sequence[Message]], labels: Sequence[str], batch_tokens: int
    ) -> NDArray[np.float64]:
        del labels, batch_tokens
        rows = []
        for chat in chats:
            asked = asked_about(chat[-1].content)
            self.asked.append(asked)
            first, second = merits_shown(chat[-1].content, asked)
            logit = first - second + self._bias
            rows.append((-np.logaddexp(0.0, -logit), -np.logaddexp(0.0, logit)))
        return np.array(rows) + np.log(0.9)


class MeritGrader:
    """Gives a point a unit of merit, averaged over what it is asked about, and spends 0.9 on the two nearest digits."""

    revision = "rev_grader"

    def __init__(self) -> None:
        self.chats: list[str] = []

    def label_logprobs(
        self, chats: Sequence[Sequence[Message]], labels: Sequence[str], batch_tokens: int
    ) -> NDArray[np.float64]:
        del batch_tokens
        rows = []
        for chat in chats:
            text = chat[-1].content
            self.chats.append(text)
            asked = asked_about(text)
            (merit,) = merits_shown(text, asked)
            rows.append(digit_logprobs(merit / sum(WEIGHTS[name] for name in asked), labels))
        return np.array(rows)


def digit_logprobs(points: float, labels: Sequence[str]) -> list[float]:
    """Log-probabilities of digits with mean `points` over 0.9 of the whole: the two nearest share it."""
    points = min(max(points, float(labels[0])), float(labels[-1]))
    shares = [max(0.0, 1.0 - abs(float(label) - points)) for label in labels]
    return [float(np.log(0.9 * share + 1e-12)) for share in shares]


def collect(judge: Judge, comparisons: Sequence[Comparison]) -> list[Verdict]:
    async def all_of() -> list[Verdict]:
        return [verdict async for verdict in judge.compare(comparisons)]

    return asyncio.run(all_of())
