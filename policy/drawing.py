"""What every way of drawing answers has in common: the request, and one drawn answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from store.records import Prompt, Purpose


@dataclass(frozen=True)
class Drawn:
    """One answer: to which of the prompts, the how manieth, drawn with which seed.

    `ids` are the generated tokens, the end token included where it came (`ended`); `logprob` is their summed
    natural-log probability at temperature 1 and without top-p, None where the way of drawing does not know it.
    """

    place: int
    index: int
    seed: int
    ids: list[int]
    ended: bool
    logprob: float | None


@dataclass(frozen=True)
class Request:
    """Prompts with their token ids, to be answered `k` times each; the rest is what seeds derive from."""

    prompts: Sequence[Prompt]
    ids: Sequence[Sequence[int]]
    k: int
    seed: int
    round: int
    purpose: Purpose


class Drawing(Protocol):
    """A way of drawing answers; they come in any order, all of them, or an error is raised."""

    def draw(self, request: Request) -> Iterator[Drawn]: ...
