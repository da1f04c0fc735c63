"""Tokens of a call by class, and how many a request may take before it is sent.

A tokenizer of every model that an endpoint may hold cannot be at hand, so tokens are estimated from characters: four
characters of ASCII a token, a token for any other character, and a few for each message. That is about right for
English, and the reservation takes half as much again, which holds for code, numbers and most other languages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ASCII_PER_TOKEN = 4.0
MESSAGE_TOKENS = 4
SAFETY = 1.5
"""The reservation's factor on the estimate of input tokens."""

_LIMITS = ("max_completion_tokens", "max_tokens")


@dataclass(frozen=True)
class TokenUse:
    """Tokens of one or more calls. `cached` are among `input`, `reasoning` among `output`."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0

    def __add__(self, other: "TokenUse") -> "TokenUse":
        return TokenUse(
            self.input + other.input,
            self.cached + other.cached,
            self.output + other.output,
            self.reasoning + other.reasoning,
        )

    @property
    def total(self) -> int:
        """What a budget in tokens counts."""
        return self.input + self.output


def input_estimate(texts: Sequence[str]) -> float:
    """Expected tokens of a chat whose messages have these texts."""
    ascii_characters = others = 0
    for text in texts:
        if text.isascii():
            ascii_characters += len(text)
        else:
            plain = sum(character < "\x80" for character in text)
            ascii_characters += plain
            others += len(text) - plain
    return ascii_characters / ASCII_PER_TOKEN + others + MESSAGE_TOKENS * len(texts)


def at_most(request: Mapping[str, Any]) -> TokenUse:
    """What a chat completion with this body may take: input with the safety factor, output to its limit.

    A body without a limit (typed decisions) is taken to write no more than it reads.
    """
    texts = [str(message.get("content") or "") for message in request.get("messages", ())]
    if not texts:
        texts = [str(value) for value in request.values()]
    if form := request.get("response_format"):
        texts.append(str(form))
    read = round(input_estimate(texts) * SAFETY)
    limit = next((request[name] for name in _LIMITS if request.get(name)), None)
    written = read if limit is None else int(limit) * int(request.get("n") or 1)
    return TokenUse(input=read, output=written)
