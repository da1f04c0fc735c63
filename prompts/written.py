"""Requests for what a model writes before it judges: the criteria of one request, or a reference answer to it.

A file of prompts/written is a text with `$question`, `$fence` and, where it wants them, `$principles`, filled in one
pass: a `$` in a question stays a `$`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from string import Template

from prompts.constitution import Principle
from prompts.hashing import content_hash
from prompts.prompt import Message
from prompts.shipped import read_named
from prompts.template import as_text, fence_for


@dataclass(frozen=True)
class WritingRequest:
    """What a model is asked to write; `hash` is the content hash of the file."""

    name: str
    hash: str
    text: str

    def render(self, question: Sequence[Message], principles: Sequence[Principle]) -> tuple[Message, ...]:
        """The chat: one user turn that quotes the question."""
        listed = "\n".join(f"- ({p.axis}, {p.weight:g}) {p.text}" for p in principles)
        values = {
            "question": as_text(question),
            "principles": listed,
            "fence": fence_for([message.content for message in question]),
        }
        return (Message(role="user", content=Template(self.text).substitute(values).strip()),)


def load_writing(name: str) -> WritingRequest:
    """A shipped file of prompts/written. Raises `UnknownName`."""
    text = read_named("writing request", "written", (".txt",), name)[2]
    return WritingRequest(name, content_hash(text), text)
