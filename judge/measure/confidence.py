"""Is the judge as right as it is sure? Calibration error, Brier score, reliability, accuracy at each coverage.

A verdict's confidence is the probability of the answer it prefers, from one half to one. A verdict of exactly one
half prefers neither: it counts as half right at confidence one half, which is what tossing a coin would give.

Guo et al. (2017), On calibration of modern neural networks (expected calibration error); Brier (1950); Geifman and
El-Yaniv (2017), Selective classification (accuracy at coverage).
"""

import math

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from judge.interval import Interval
from judge.wilson import wilson

Floats = NDArray[np.float64]

BINS = 10
"""Bins of equal width between one half and one."""


class ReliabilityBin(BaseModel):
    """Verdicts of like confidence: `low` ≤ confidence < `high`. `accuracy` has a Wilson 95% interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float
    high: float
    n: int
    confidence: float
    accuracy: Interval


class CoveragePoint(BaseModel):
    """Accuracy on the `n` verdicts that the judge is surest of, a share `coverage` of all; `threshold` is the lowest
    confidence among them. Where several verdicts at the threshold are equally sure, their mean accuracy counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    coverage: float
    n: int
    threshold: float
    accuracy: float


def confidence(p_first: Floats) -> Floats:
    """Of the preferred answer, in [0.5, 1]."""
    return np.maximum(p_first, 1.0 - p_first)


def rightness(p_first: Floats, first_is_better: Floats) -> Floats:
    """1 where the preferred answer is the better one, 0 where it is not, one half where neither is preferred."""
    right: Floats = np.where(
        p_first == 0.5, 0.5, ((p_first > 0.5) == (first_is_better > 0.5)).astype(np.float64)
    )
    return right


def reliability(p_first: Floats, first_is_better: Floats) -> list[ReliabilityBin]:
    """The bins that hold anything, least sure first."""
    sure, right = confidence(p_first), rightness(p_first, first_is_better)
    index = np.minimum(((sure - 0.5) * 2 * BINS + 1e-9).astype(int), BINS - 1)
    bins = []
    for number in np.unique(index):
        inside = index == number
        count, share = int(inside.sum()), float(right[inside].mean())
        edges = (round(0.5 + number / (2 * BINS), 4), round(0.5 + (number + 1) / (2 * BINS), 4))
        mean = float(sure[inside].mean())
        bins.append(
            ReliabilityBin(
                low=edges[0], high=edges[1], n=count, confidence=mean, accuracy=wilson(share, count)
            )
        )
    return bins


def calibration_error(p_first: Floats, first_is_better: Floats) -> float:
    """Expected calibration error: mean over verdicts of |accuracy - confidence| of their bin, in [0, 0.5…1]."""
    bins = reliability(p_first, first_is_better)
    return sum(b.n * abs(b.accuracy.value - b.confidence) for b in bins) / len(p_first)


def brier(p_first: Floats, first_is_better: Floats) -> float:
    """Mean squared error of the probability, in [0, 1]; 0.25 for a judge that always says one half."""
    return float(np.mean((p_first - first_is_better) ** 2))


def accuracy_at_coverage(p_first: Floats, first_is_better: Floats, points: int = 10) -> list[CoveragePoint]:
    """Accuracy on the surest tenth, two tenths, … and all of the verdicts."""
    sure, right = confidence(p_first), rightness(p_first, first_is_better)
    found = []
    for step in range(1, points + 1):
        count = math.ceil(len(sure) * step / points)
        threshold = float(np.sort(sure)[::-1][count - 1])
        above, at = sure > threshold, sure == threshold
        room = count - int(above.sum())
        accuracy = (float(right[above].sum()) + room * float(right[at].mean())) / count
        found.append(CoveragePoint(coverage=step / points, n=count, threshold=threshold, accuracy=accuracy))
    return found
