"""The parts of a stratified draw: what a comparison looks like, in few words, and how many are drawn of each part.

Stratifying makes sure that rare kinds of comparisons are in the sample, and makes the estimate sharper where the judge
is better at some kinds than at others. It costs nothing where it is not: allocation is proportional to size, so every
comparison is about as likely as any other, up to rounding.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Literal

from store.records import Comparison, Verdict

Stratifier = Literal["margin", "flip", "principle", "length"]
"""`margin`: how sure the judge was; `flip`: whether its two orders agree; `principle`: the principles it was put under,
or the prompt's first tag where it was all of them; `length`: whether it prefers the longer answer."""

_MARGINS = ((0.1, "even"), (0.25, "leaning"), (0.4, "clear"), (1.0, "sure"))
"""Distance of `p_first` from one half, up to which it is called so."""
_LONGER = 1.25
"""From this ratio of tokens on one answer is the longer one."""
_AT_LEAST = 2
"""Items drawn of a part: one alone has no spread to estimate from."""
_REST = "rest"

Key = tuple[str, ...]


def stratum_of(comparison: Comparison, verdicts: Sequence[Verdict], by: Sequence[Stratifier]) -> Key:
    """The words for this comparison, one for each stratifier."""
    scores = [verdict.p_first for verdict in verdicts if verdict.p_first is not None]
    p_first = fmean(scores) if scores else None
    words: dict[Stratifier, str] = {}
    for name in by:
        if name == "margin":
            words[name] = _margin(p_first)
        elif name == "flip":
            words[name] = _flip(verdicts)
        elif name == "principle":
            words[name] = _principle(comparison)
        else:
            words[name] = _length(comparison, p_first)
    return tuple(f"{name}={words[name]}" for name in by)


def allocate(strata: Mapping[str, Key], size: int) -> Iterator[tuple[str, list[str], int]]:
    """Each part's name, its members, and how many of them to draw: proportionally, at least two, `size` in all.

    Parts that would get fewer than two are merged: first with small parts that differ in the last word only, then in
    the last two, and so on; what is still too small makes a rest with the smallest part that is not. The remainders go
    to the parts whose share was cut most. With `size` at or above the number of members, all are drawn.
    """
    total = len(strata)
    if not total or not size:
        return
    size = min(size, total)
    merged = _merge(strata, size / total)
    shares = {name: size * len(members) / total for name, members in merged.items()}
    counts = {name: int(share) for name, share in shares.items()}
    left = size - sum(counts.values())
    for name in sorted(shares, key=lambda name: (counts[name] - shares[name], name))[:left]:
        counts[name] += 1
    for name in sorted(merged):
        yield name, merged[name], counts[name]


def _merge(strata: Mapping[str, Key], rate: float) -> dict[str, list[str]]:
    parts: defaultdict[Key, list[str]] = defaultdict(list)
    for comparison_id, key in strata.items():
        parts[key].append(comparison_id)
    for depth in range(max(map(len, parts)) - 1, -1, -1):
        small = [
            key for key, members in parts.items() if rate * len(members) < _AT_LEAST and len(key) > depth
        ]
        for key in small:
            parts[key[:depth]] += parts.pop(key)
    rest = parts.get((), [])
    if len(parts) > 1 and rest and rate * len(rest) < _AT_LEAST:
        smallest = min((key for key in parts if key), key=lambda key: (len(parts[key]), key))
        rest += parts.pop(smallest)
    unnamed = "" if set(parts) == {()} else _REST
    return {" ".join(key) or unnamed: members for key, members in parts.items()}


def _margin(p_first: float | None) -> str:
    if p_first is None:
        return "unscored"
    return next(word for bound, word in _MARGINS if abs(p_first - 0.5) <= bound)


def _flip(verdicts: Sequence[Verdict]) -> str:
    known = [verdict.flipped for verdict in verdicts if verdict.flipped is not None]
    if not known:
        return "unknown"
    return "yes" if any(known) else "no"


def _principle(comparison: Comparison) -> str:
    if comparison.principles:
        return "+".join(comparison.principles)
    return comparison.prompt.tags[0] if comparison.prompt.tags else "all"


def _length(comparison: Comparison, p_first: float | None) -> str:
    if p_first is None or p_first == 0.5:
        return "undecided"
    preferred, other = comparison.first.tokens, comparison.second.tokens
    if p_first < 0.5:
        preferred, other = other, preferred
    if preferred >= _LONGER * max(1, other):
        return "longer"
    return "shorter" if other >= _LONGER * max(1, preferred) else "alike"
