"""Which sequences should be read together because they begin alike.

A judge is shown each answer of a prompt beside every other one, so its chats begin alike in twos and threes: the
instructions, the question and the first answer. Sequences are put in order, neighbours begin alike as far as they
ever do, and the order is cut into groups so that the most tokens need not be read again.

Two levels of sharing: what all sequences begin with, and what the members of a group do. Deeper trees would save
little more and need masks that not every architecture takes.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_MOST_MEMBERS = 32
_LEAST_SAVED = 8
"""Tokens: sharing less costs more in copies than it saves."""


@dataclass(frozen=True)
class Group:
    """Places of sequences that share their first `prefix` tokens."""

    prefix: int
    places: tuple[int, ...]


def shared_start(sequences: Sequence[Sequence[int]], limits: Sequence[int]) -> int:
    """How many tokens all sequences begin with, at most the smallest of `limits`; 0 where it is not worth sharing."""
    if len(sequences) < 2:
        return 0
    same = min(_alike(min(sequences, key=list), max(sequences, key=list)), *limits)
    return same if same >= _LEAST_SAVED else 0


def group_by_start(sequences: Sequence[Sequence[int]], limits: Sequence[int], base: int) -> list[Group]:
    """Cut the sequences into groups that share most. `limits` is how much of each may be shared at most.

    Group prefixes are rounded down to a few steps a doubling, so that many groups have the same and can be read in
    one batch without padding. A sequence that would not gain is a group of its own and shares `base` tokens, as all do.
    """
    order = sorted(range(len(sequences)), key=lambda place: list(sequences[place]))
    alike = [_alike(sequences[a], sequences[b]) for a, b in pairwise(order)]
    groups = [
        _group(order[start:end], alike[start : end - 1], limits, base) for start, end in _cuts(alike, base)
    ]
    lone = [Group(base, (place,)) for group in groups if group.prefix == base for place in group.places]
    return [group for group in groups if group.prefix > base] + lone


def by_prefix(groups: Sequence[Group]) -> dict[int, list[Group]]:
    """The groups by the length of what they share, longest first."""
    found: dict[int, list[Group]] = defaultdict(list)
    for group in groups:
        found[group.prefix].append(group)
    return dict(sorted(found.items(), reverse=True))


def _cuts(alike: Sequence[int], base: int) -> list[tuple[int, int]]:
    """Where to cut an order whose neighbours are `alike` so far, to save most tokens: the best for each end of it."""
    count = len(alike) + 1
    best = [0] * (count + 1)
    begin = [0] * (count + 1)
    for end in range(1, count + 1):
        best[end], begin[end] = best[end - 1], end - 1
        least = None
        for start in range(end - 2, max(-1, end - 1 - _MOST_MEMBERS), -1):
            least = alike[start] if least is None else min(least, alike[start])
            if least <= base:
                break
            saved = best[start] + (end - start - 1) * (least - base)
            if saved > best[end]:
                best[end], begin[end] = saved, start
    cuts: list[tuple[int, int]] = []
    end = count
    while end > 0:
        cuts.append((begin[end], end))
        end = begin[end]
    return cuts[::-1]


def _group(places: Sequence[int], alike: Sequence[int], limits: Sequence[int], base: int) -> Group:
    if len(places) < 2:
        return Group(base, tuple(places))
    extra = min(*alike, *(limits[place] for place in places)) - base if alike else 0
    step = max(1, 1 << max(0, extra.bit_length() - 4))
    extra -= extra % step
    gains = extra * (len(places) - 1) >= _LEAST_SAVED
    return Group(base + extra if gains else base, tuple(places))


def _alike(first: Sequence[int], second: Sequence[int]) -> int:
    shorter = min(len(first), len(second))
    return next((i for i in range(shorter) if first[i] != second[i]), shorter)
