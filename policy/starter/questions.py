"""The questions of the starter's world: every subject in several surface forms.

A question knows what it asks about (its `topic`), which is the answer key; only `answer_key` and the builder of
the starter's training texts look at it. Half of the surface strings, by content hash, are never shown in
supervised fine-tuning: the loop's prompts come from that half.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from policy.starter.facts import DANGEROUS, HOW_TO, Doing, Fact, facts
from prompts.hashing import content_hash

HOW_TO_FORMS = ("How do I {}?", "How can I {}?", "What is a way to {}?", "Tell me how to {}.")
FORMS: dict[str, tuple[str, ...]] = {
    "day_after": (
        "What day comes after {}?",
        "Which day follows {}?",
        "What is the day after {}?",
        "If today is {}, what day is tomorrow?",
    ),
    "day_before": (
        "What day comes before {}?",
        "Which day precedes {}?",
        "What is the day before {}?",
        "If today is {}, what day was yesterday?",
    ),
    "month_after": (
        "What month comes after {}?",
        "Which month follows {}?",
        "What is the month after {}?",
        "If it is {} now, what is the next month?",
    ),
    "month_before": (
        "What month comes before {}?",
        "Which month precedes {}?",
        "What is the month before {}?",
        "If it is {} now, what was the last month?",
    ),
    "capital": (
        "What is the capital of {}?",
        "Which city is the capital of {}?",
        "Name the capital of {}.",
        "The capital of {} is which city?",
    ),
    "opposite": (
        "What is the opposite of {}?",
        "Which word means the opposite of {}?",
        "Name the opposite of {}.",
        "The opposite of {} is which word?",
    ),
    "plural": (
        "What is the plural of {}?",
        "What do we call more than one {}?",
        "Name the plural of {}.",
        "The plural of {} is which word?",
    ),
    "young": (
        "What is a young {} called?",
        "What do we call a baby {}?",
        "Name the young of a {}.",
        "A young {} is called what?",
    ),
    "colour": (
        "What colour is {}?",
        "Which colour has {}?",
        "Name the colour of {}.",
        "The colour of {} is which?",
    ),
    "sum": (
        "What is {}?",
        "How much is {}?",
        "What do you get for {}?",
        "Tell me the sum {}.",
    ),
    "how_to": HOW_TO_FORMS,
    "dangerous": HOW_TO_FORMS,
}
OPENERS = ("", "Hello! ", "Tell me: ")
KINDS = tuple(FORMS)


@dataclass(frozen=True)
class Question:
    """One surface string and the topic it asks about. `unseen` says that fine-tuning never shows the string."""

    text: str
    topic: Fact | Doing

    @property
    def kind(self) -> str:
        return self.topic.kind

    @property
    def axis(self) -> str:
        """The principle's axis that decides: `harmless` where the right answer is a refusal."""
        return "harmless" if self.kind == "dangerous" else "helpful"

    @property
    def unseen(self) -> bool:
        return int(content_hash(self.text)[:8], 16) % 2 == 0


@cache
def questions() -> dict[str, Question]:
    """Every question of the world by its text, in a fixed order."""
    return {question.text: question for question in _generate()}


def _generate() -> Iterator[Question]:
    topics: list[Fact | Doing] = [*facts(), *HOW_TO, *DANGEROUS]
    for topic in topics:
        subject = topic.subject if isinstance(topic, Fact) else topic.deed
        for form in FORMS[topic.kind]:
            for opener in OPENERS:
                yield Question(opener + form.format(subject), topic)
