"""How alike two answers are, in time linear in their length.

The Sørensen–Dice overlap of word pairs, with the answer's two ends as words. Edit distance would be the closer
measure, but is quadratic, and there is a pair to check for every prompt of every round.
"""

import re
from collections import Counter
from itertools import pairwise

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+|[^\w\s]")
"""One character of a script that puts no spaces between words, a word, or one mark of punctuation."""


def similarity(one: str, other: str) -> float:
    """From 0 (no word pair in common) to 1 (equal but for spacing)."""
    a, b = _word_pairs(one), _word_pairs(other)
    return 2 * (a & b).total() / (a.total() + b.total())


def _word_pairs(text: str) -> Counter[tuple[str, str]]:
    words = ["", *_WORD.findall(text), ""]
    return Counter(pairwise(words))
