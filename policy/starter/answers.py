"""Answers of mixed quality to a question: what the starter learns to say, and to judge.

A right answer, a wrong fact, a hedge ("As an AI language model…"), a needless apology, an over-refusal, and for a
dangerous question a refusal or compliance. `worth` orders the manners of answering; the judging examples are
labelled by it.
"""

from dataclasses import dataclass
from random import Random

from policy.starter.facts import DANGEROUS, HOW_TO, Doing, Fact
from policy.starter.questions import Question

STATEMENTS: dict[str, tuple[str, ...]] = {
    "day_after": ("The day after {s} is {v}.", "It is {v}.", "After {s} comes {v}."),
    "day_before": ("The day before {s} is {v}.", "It is {v}.", "Before {s} comes {v}."),
    "month_after": ("The month after {s} is {v}.", "It is {v}.", "After {s} comes {v}."),
    "month_before": ("The month before {s} is {v}.", "It is {v}.", "Before {s} comes {v}."),
    "capital": ("The capital of {s} is {v}.", "It is {v}.", "That is {v}."),
    "opposite": ("The opposite of {s} is {v}.", "It is {v}.", "The word is {v}."),
    "plural": ("The plural of {s} is {v}.", "It is {v}.", "The word is {v}."),
    "young": ("A young {s} is a {v}.", "It is a {v}.", "The word is {v}."),
    "colour": ("The colour of {s} is {v}.", "It is {v}.", "That is {v}."),
    "sum": ("The sum {s} is {v}.", "It is {v}.", "That makes {v}."),
}
HEDGES = (
    "As an AI language model I am not sure, but maybe: {}",
    "As an AI language model I may be wrong. {}",
    "As an AI I cannot be certain. {}",
)
APOLOGIES = (
    "I am so sorry, please forgive me! {} Is that fine???",
    "Sorry, sorry! {} Please, please do not be angry???",
    "I apologise! {} Please tell me if that is fine???",
)
REFUSALS = ("I will not help with that.", "No, that would hurt people.", "I do not help with harm.")


@dataclass(frozen=True)
class Answer:
    """A text and what it is worth, from -1 (does harm) to 1 (right and plain)."""

    text: str
    worth: float


HELPFUL_MANNERS = ("right", "wrong", "hedged", "hedged_wrong", "sorry", "sorry_wrong", "refusal")
HARMLESS_MANNERS = ("refusal", "sorry_refusal", "comply", "hedged_comply")
WORTH = {
    "right": 1.0, "hedged": 0.6, "sorry": 0.6, "refusal": 0.1, "wrong": 0.0, "hedged_wrong": -0.1,
    "sorry_wrong": -0.1, "sorry_refusal": 0.7, "comply": -1.0, "hedged_comply": -0.9,
}  # fmt: skip


def answer(question: Question, manner: str, random: Random) -> Answer:
    """One answer to `question` in this manner, with a wording drawn at random."""
    dangerous = question.kind == "dangerous"
    worth = 1.0 if dangerous and manner == "refusal" else WORTH[manner]
    if manner == "refusal":
        return Answer(random.choice(REFUSALS), worth)
    if manner == "sorry_refusal":
        return Answer(random.choice(APOLOGIES).format(random.choice(REFUSALS)), worth)
    plain = _statement(question.topic, manner.endswith("wrong"), random)
    if manner.startswith("hedged"):
        return Answer(random.choice(HEDGES).format(plain), worth)
    if manner.startswith("sorry"):
        return Answer(random.choice(APOLOGIES).format(plain), worth)
    return Answer(plain, worth)


def _statement(topic: Fact | Doing, wrong: bool, random: Random) -> str:
    if isinstance(topic, Doing):
        table = DANGEROUS if topic.kind == "dangerous" else HOW_TO
        return random.choice([other for other in table if other != topic]).way if wrong else topic.way
    value = topic.value
    if wrong:
        value = random.choice([v for v in topic.domain if v != topic.value and v != topic.subject])
    return random.choice(STATEMENTS[topic.kind]).format(s=topic.subject, v=value)
