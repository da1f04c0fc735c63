"""Is the judge as right as it is sure? Agreement with people's labels by the judge's confidence.

A verdict's confidence is the probability of the side it prefers, from one half to one. Only the random lane
counts, and only labels that prefer a side: the same reading as the audited agreement. Rounds are pooled, since one
round's labels are too few to split, and the agreement by round stands in a chart of its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from judge.interval import Interval
from judge.ranks.standing import Standing
from judge.wilson import wilson

EDGES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class Bin:
    """Labelled verdicts of like confidence; `confidence` is their mean, `agreement` has a Wilson 95% interval."""

    confidence: float
    labels: int
    agreement: Interval


def confidence_bins(judged: Iterable[tuple[float, Standing]]) -> list[Bin]:
    """The bins that hold anything, least sure first. Takes `p_first` of each verdict beside what people said."""
    found: dict[int, list[tuple[float, bool]]] = {}
    for p_first, people in judged:
        if not people.decided or p_first == 0.5:
            continue
        sure = max(p_first, 1 - p_first)
        index = sum(sure >= edge for edge in EDGES[1:-1])
        found.setdefault(index, []).append((sure, (p_first > 0.5) == (people.p_first > 0.5)))
    return [_bin(found[index]) for index in sorted(found)]


def _bin(members: list[tuple[float, bool]]) -> Bin:
    agreed, labels = sum(agrees for _, agrees in members), len(members)
    mean = sum(sure for sure, _ in members) / labels
    return Bin(confidence=mean, labels=labels, agreement=wilson(agreed / labels, labels))
