"""What files hold beside stored labels: tasks with answers, and preferences between two texts.

A task is a question as it leaves: a name that tells nothing, a prompt, two answers with sides drawn for it, and nothing
of what a judge said, why it was drawn or who wrote which. An answer is in terms of these sides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from prompts.prompt import Message
from review.questions import Choice, SideMark
from review.visible import visible
from store.records import Label


@dataclass(frozen=True)
class Answer:
    """What one person said of a task; `reviewer` is None where the file names nobody.

    `marks` and `flagged` are None where the format has no word for them, which changes nothing that is there.
    """

    choice: Choice
    reviewer: str | None = None
    marks: Mapping[str, SideMark] | None = None
    reason: str = ""
    flagged: bool | None = None
    seconds: float | None = None
    stamp: str = ""
    """When it was given, in the words of the tool; tells a changed answer from an old file."""


@dataclass(frozen=True)
class Task:
    """A question as it leaves, with the answers that are there already."""

    id: str
    prompt: tuple[Message, ...]
    left: str
    right: str
    principles: tuple[tuple[str, str], ...] = ()
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True)
class Returned:
    """A task as it comes back; `answer` is None where nobody answered. Texts are None where the file has none."""

    task: str
    answer: Answer | None
    left: str | None = None
    right: str | None = None


@dataclass(frozen=True)
class Preference:
    """That one answer to a prompt is better than another, as training data says it."""

    prompt: tuple[Message, ...]
    chosen: str
    rejected: str


class Row(NamedTuple):
    """One thing read from a file, and where it stands there."""

    place: str
    content: Label | Returned | Preference


class Fault(NamedTuple):
    """Something in a file that cannot be read, and where it stands."""

    place: str
    message: str


def shown(text: str) -> str:
    """A model's text for tools that are not ours: what acts on a reader's screen is shown instead of acting.

    A bidirectional override would let an answer be read in another order than it has; NUL stops some databases.
    """
    return text if text.isprintable() else visible(text)  # the one is fast, and most texts are


def as_text(prompt: tuple[Message, ...]) -> str:
    """A prompt for tools that show plain text: one message as it is, several with their roles."""
    if len(prompt) == 1:
        return shown(prompt[0].content)
    return "\n\n".join(f"{message.role}: {shown(message.content)}" for message in prompt)
