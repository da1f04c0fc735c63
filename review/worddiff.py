"""Two texts word by word: what only the one has, what only the other has, what both have.

Left out: texts of very many words, which are shown whole beside each other: the comparison's time goes with the square.
"""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final, Literal, NamedTuple

MOST_WORDS: Final = 1_500
_WORD = re.compile(r"\s+|[\u3400-\u9fff\u3040-\u30ff]|\w+|[^\w\s]")


class Piece(NamedTuple):
    """A run of words: `both`, or the first (`gone`) or second (`new`) text's alone."""

    kind: Literal["both", "gone", "new"]
    text: str


def word_diff(first: str, second: str) -> list[Piece] | None:
    """The pieces in reading order; None where the texts are too long to compare."""
    one, other = _WORD.findall(first), _WORD.findall(second)
    if max(len(one), len(other)) > MOST_WORDS:
        return None
    return list(_pieces(one, other))


def _pieces(one: list[str], other: list[str]) -> Iterator[Piece]:
    for what, a, b, c, d in SequenceMatcher(str.isspace, one, other, autojunk=False).get_opcodes():
        if what == "equal":
            yield Piece("both", "".join(one[a:b]))
            continue
        if b > a:
            yield Piece("gone", "".join(one[a:b]))
        if d > c:
            yield Piece("new", "".join(other[c:d]))
