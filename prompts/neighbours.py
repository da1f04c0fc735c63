"""Held-out prompts that nearly repeat a train prompt, found exactly.

Two prompts are near-duplicates when the Jaccard similarity of their shingles (words and pairs of neighbouring words,
without case and sentence punctuation) reaches a threshold. The search is exact: a pair that similar must share one
of the *rarest* shingles of each side, so only those are indexed and looked up (the prefix filter of Chaudhuri,
Ganti and Kaushik, "A primitive operator for similarity joins", ICDE 2006).

Left out: MinHash and other sketches, which are faster from millions of prompts on and miss some pairs; and paraphrases,
which need a model.
"""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from prompts.prompt import Prompt

THRESHOLD = 0.8

# Scripts written without spaces (Thai to Lao, Burmese, Khmer, kana, Han): a character stands for a word.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+|[^\w\s.,;:!?'\"“”‘’…。，！？、]")

Shingle = tuple[str, ...]
Shingles = frozenset[Shingle]


@dataclass(frozen=True)
class NearDuplicate:
    """A held-out prompt and a train prompt like it; `similarity` is in [threshold, 1]."""

    heldout: Prompt
    train: Prompt
    similarity: float


def near_duplicates(
    train: Sequence[Prompt], heldout: Sequence[Prompt], threshold: float = THRESHOLD
) -> list[NearDuplicate]:
    """Each held-out prompt that has one, with the first train prompt at least `threshold` like it (in (0, 1]).

    In the order of `heldout`. Compares what users say; system messages and earlier answers do not count.
    """
    held = [shingles(prompt) for prompt in heldout]
    frequency = Counter(shingle for one in held for shingle in one)
    index = _index(held, frequency, threshold)
    share = threshold / (
        1.0 + threshold
    )  # of their sizes' sum: what two sets so similar have in common, at least
    found: dict[int, NearDuplicate] = {}
    for prompt in train:
        own = shingles(prompt)
        seen: set[int] = set()
        for rest, shingle in _rarest(own, frequency, threshold):
            entries = index.get(shingle, [])
            stale = False
            # The first shingle that two share is the rarest of both: they can share no more than stands from it on.
            largest = min(rest / share - len(own), len(own) / threshold) + 1e-9
            for size, other_rest, number in entries:
                if size > largest:
                    break
                if number in found:
                    stale = True
                if number in seen or number in found:
                    continue
                seen.add(number)
                needed = share * (len(own) + size) - 1e-9
                if other_rest < needed or (shared := len(own & held[number])) < needed:
                    continue
                similarity = shared / (len(own) + size - shared)
                found[number] = NearDuplicate(heldout[number], prompt, similarity)
                stale = True
            if stale:
                entries[:] = [entry for entry in entries if entry[2] not in found]
    return [found[number] for number in sorted(found)]


def _index(
    held: Sequence[Shingles], frequency: Counter[Shingle], threshold: float
) -> dict[Shingle, list[tuple[int, int, int]]]:
    """Shingle -> the sets with it among their rarest, smallest first: size, how many from this shingle on, number."""
    index: dict[Shingle, list[tuple[int, int, int]]] = defaultdict(list)
    for number, one in enumerate(held):
        for rest, shingle in _rarest(one, frequency, threshold):
            index[shingle].append((len(one), rest, number))
    for entries in index.values():
        entries.sort()
    return index


def shingles(prompt: Prompt) -> Shingles:
    """The words of the user's turns and their neighbouring pairs; the bare text where it has no word."""
    text = "\n".join(message.content for message in prompt.messages if message.role == "user")
    words = _TOKEN.findall(unicodedata.normalize("NFKC", text).casefold())
    if not words:
        return frozenset({(text.strip(),)})
    return frozenset([(word,) for word in words]) | frozenset(pairwise(words))


def _rarest(one: Shingles, frequency: Counter[Shingle], threshold: float) -> list[tuple[int, Shingle]]:
    """So many of its rarest shingles that any set as similar as `threshold` has one of them among its own rarest.

    Rarest first, each with the number of its shingles from there on; those in no held-out prompt are left out.
    """
    known = sorted((shingle for shingle in one if shingle in frequency), key=lambda s: (frequency[s], s))
    shared = math.ceil(threshold * len(one) - 1e-9)  # the least that two such sets share, less rounding error
    return list(zip(range(len(known), shared - 1, -1), known, strict=False))
