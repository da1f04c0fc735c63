"""The score of one answer, and what two scores say about which answer is better.

A score is the expected number of points: the mean over the judge's own probabilities of each reply where they are
known (Liu et al. 2023, G-Eval, arXiv 2303.16634, section 2.3), which tells answers apart that would get the same
digit, else the mean of several replies.

Two scores become a probability by a logistic link, as strengths do in a Bradley–Terry model: equal scores give one
half, and `scale` points are one unit of logit. The digits' own spread is not used for it: it is the judge's doubt about
a digit and not the noise between two answers, and two answers of the same doubtful quality would seem far apart.
"""

import math
from collections.abc import Sequence

from judge.reading import sigmoid


def expected_points(logprobs: Sequence[float], points: Sequence[int]) -> float:
    """Σ points·p with p the probabilities renormalised over the replies; within the range of `points`."""
    highest = max(logprobs)
    weights = [math.exp(logprob - highest) for logprob in logprobs]
    mean = math.fsum(w * value for w, value in zip(weights, points, strict=True)) / math.fsum(weights)
    return min(max(mean, float(points[0])), float(points[-1]))


def label_mass(logprobs: Sequence[float]) -> float:
    """The probability of all replies together before they are normalised."""
    return min(sum(map(math.exp, logprobs)), 1.0)


def mean_points(counts: Sequence[int], points: Sequence[int]) -> float:
    """The mean of several replies, counted by reply; at least one in all."""
    return sum(count * value for count, value in zip(counts, points, strict=True)) / sum(counts)


def preference(score_first: float, score_second: float, scale: float) -> float:
    """The probability that the first answer is better: 1 / (1 + e^-(difference / scale))."""
    return sigmoid((score_first - score_second) / scale)
