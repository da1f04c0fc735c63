"""A comparison as the judge sees it: one presentation for each order of its two answers.

Judges favour a position, so every comparison is put twice, and what was said about labels must be turned back
into what was said about samples. That happens in `Presentation.by_sample` and nowhere else.

Request and answers are data: they are shown as a person would see them (`judge.cleaning`), between delimiters that
none of them can hold (`prompts.template`), and no answer is so long that the judge would lose its instructions. Both
answers are cut to the same number of characters, so a cut says nothing about which is better.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self, TypeVar

from judge.cleaning import clean, shorten
from judge.errors import JudgeError
from judge.settings import ANSWER_CHARS
from prompts.constitution import Constitution, Principle
from prompts.hashing import content_hash
from prompts.template import JudgeTemplate
from store.records import Comparison, Message, Prompt

T = TypeVar("T")

_canonical = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode


@dataclass(frozen=True)
class Presentation:
    """The chat of one order. `first_shown_first` says that the first sample stands under the first label."""

    messages: tuple[Message, ...]
    first_shown_first: bool

    @cached_property
    def text(self) -> str:
        """The exact prompt: the chat as canonical JSON (ASCII, sorted keys, no spaces)."""
        return _canonical([{"role": m.role, "content": m.content} for m in self.messages])

    @cached_property
    def hash(self) -> str:
        """Content hash of `text`."""
        return content_hash(self.text)

    def by_sample(self, by_label: tuple[T, T]) -> tuple[T, T]:
        """Values of (first label, second label) as values of (first sample, second sample)."""
        return by_label if self.first_shown_first else (by_label[1], by_label[0])


@dataclass(frozen=True)
class Asides:
    """What stands beside the answers where a template asks for it: criteria for this request, a reference answer."""

    criteria: str = ""
    reference: str = ""

    @classmethod
    def of(cls, prompt: Prompt) -> Self:
        """What the data give."""
        return cls(reference=prompt.reference or "")


NO_ASIDES = Asides()


def present(
    comparison: Comparison,
    template: JudgeTemplate,
    constitution: Constitution,
    answer_chars: int = ANSWER_CHARS,
    asides: Asides = NO_ASIDES,
) -> tuple[Presentation, Presentation]:
    """Both orders: the first sample shown first, then the second sample shown first.

    Of each answer at most `answer_chars` characters are shown, head and tail, and what is missing is said.
    Raises `JudgeError` where the comparison was made under another constitution: its verdict would be filed under
    principles that nobody judged by.
    """
    principles = principles_of(comparison, constitution)
    question, beside = as_request(comparison.prompt.messages), _shown_beside(asides, answer_chars)
    first, second = (as_answer(s.text, answer_chars) for s in (comparison.first, comparison.second))
    return (
        Presentation(template.render(question, first, second, principles, **beside), first_shown_first=True),
        Presentation(template.render(question, second, first, principles, **beside), first_shown_first=False),
    )


def present_each(
    comparison: Comparison,
    template: JudgeTemplate,
    constitution: Constitution,
    answer_chars: int = ANSWER_CHARS,
    asides: Asides = NO_ASIDES,
) -> tuple[Presentation, Presentation]:
    """Each sample by itself, the first sample's first, for a pointwise template; otherwise as `present`."""
    principles = principles_of(comparison, constitution)
    question, beside = as_request(comparison.prompt.messages), _shown_beside(asides, answer_chars)
    first, second = (
        template.render_one(question, as_answer(sample.text, answer_chars), principles, **beside)
        for sample in (comparison.first, comparison.second)
    )
    return Presentation(first, first_shown_first=True), Presentation(second, first_shown_first=False)


def principles_of(comparison: Comparison, constitution: Constitution) -> tuple[Principle, ...]:
    """What the comparison is to be judged by. Raises `JudgeError` where it was made under another constitution."""
    if comparison.constitution != constitution.hash:
        raise JudgeError(
            f"comparison {comparison.id} was made under constitution {comparison.constitution[:12]}, but this "
            f"judge holds {constitution.name!r} ({constitution.hash[:12]}). Make the comparisons again."
        )
    return constitution.select(comparison.principles)


def _shown_beside(asides: Asides, answer_chars: int) -> dict[str, str]:
    return {
        "criteria": as_answer(asides.criteria, answer_chars),
        "reference": as_answer(asides.reference, answer_chars),
    }


def as_answer(text: str, answer_chars: int = ANSWER_CHARS) -> str:
    """An answer as a judge is shown it; the very same text where it is plain and no longer than `answer_chars`."""
    return shorten(clean(text), answer_chars)


def as_request(messages: Sequence[Message]) -> tuple[Message, ...]:
    """A request as a judge is shown it; never cut."""
    return tuple(Message(role=m.role, content=clean(m.content)) for m in messages)
