"""An interval that may be looked at after every label.

A fixed-n interval looked at again and again is wrong far more often than it says. But the queue's end is fixed at the
draw, so there is a last look, and the interval can be calibrated so that *all* looks from the first label to the last
cover together with 95%, and hardly more: a repeated confidence interval (Jennison and Turnbull 1989, Interim analyses:
the repeated confidence interval approach, JRSS B 51), with a boundary after every label in the family of Wang and
Tsiatis (1987, Approximately optimal one-parameter boundaries for group sequential trials, Biometrics 43).

With S_t of t comparisons against the judge, a rate p stays in the interval as long as

    |S_t - t p|  <  C(p) sqrt(p (1 - p)) t^SHAPE   at every look so far and to come,

where C(p) is what paths of a rate p reach with probability 5% at any t up to the planned end. Whether p is in the
interval now is asked of the paths themselves: those of p are followed exactly, a state for each count, and p is out
where at most 5% of them ever reach as far as the data does now. No approximation is in that but the grid of the
bounds, so coverage falls short nowhere, and exceeds 95% only by what counts are too coarse for. Where the queue holds
a good part of the population, the paths draw without replacement.

For unequal designs the same is asked at the effective numbers of labels (see `review.estimates.rate`), an approximation
that simulations hold. Following paths takes a time that grows with the planned number; for queues over `LONGEST` it is
the mixture sequence instead (Robbins 1970, Statistical methods related to the law of the iterated logarithm; without
replacement Waudby-Smith and Ramdas 2020, Confidence sequences for sampling without replacement), which holds for any
number of looks and so covers 98% to 99% of the time.

Left out: the confseq package, which is sources alone (C++14 and Boost to build), calls itself unstable, and is
conservative here, because its sequences never end and this queue does. Running intersections over past looks would be
as valid, and would make the interval depend on the order in which labels came.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln, xlog1py, xlogy

from judge.interval import Interval

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

ERROR = 0.05
SHAPE = 0.25
"""Between equal boundaries at every look (1/2), which widen the last, and equal reach in counts (0), which make the
first looks useless."""
LONGEST = 400
_FARTHEST = 6.0
"""In standard deviations at the end: further than this is out without a count."""
_POINTS, _PASSES = 24, 3


def anytime_interval(value: float, looks: float, planned: float, population: float = np.inf) -> Interval:
    """The rates that `looks` labels of `planned` leave in, around a share of `value` against the judge.

    `looks` and `planned` may be effective numbers, 0 < looks ≤ planned; `population`, where given, is what the labels
    are drawn from without replacement.
    """
    if planned > LONGEST:
        return _hull(lambda p: _mixture(p, value, looks, population), value)
    reach = max(1, int(np.ceil(planned)))
    return _hull(lambda p: _paths(p, value, looks, reach, population), value)


def crossing(p: Floats, reach: Floats, planned: int, population: float = np.inf) -> Floats:
    """The probability that |S_t - t p| ≥ reach · sqrt(p (1 - p)) t^SHAPE for a t ≤ planned; all arrays of one length.

    Follows, for each p, the counts within reach: a window of them that moves along t p.
    """
    deviation = reach * np.sqrt(p * (1.0 - p))
    half = int(np.ceil(deviation.max() * planned**SHAPE)) + 2
    offsets = np.arange(-half, half + 1)
    state = np.zeros((len(p), 2 * half + 3))  # one more on either side, always empty
    state[:, 1 + half] = 1.0
    up: Floats = p[:, None]
    start = np.zeros(len(p))
    for t in range(1, planned + 1):
        if np.isfinite(population):
            left = population - t + 1.0
            up = np.clip((p[:, None] * population - start[:, None] - offsets) / left, 0.0, 1.0)
        rising, staying = state[:, 1:-1] * up, state[:, 1:-1] * (1.0 - up)
        now = np.floor(t * p)
        moved = (now > start)[:, None]
        state[:, 1:-1] = np.where(moved, rising, staying)
        # Counted from the window's start, a step up is one place further, or in place where the window moved as well.
        state[:, 2:-1] += np.where(moved, 0.0, rising)[:, :-1]
        state[:, 1:-2] += np.where(moved, staying, 0.0)[:, 1:]
        distance = np.abs(now[:, None] + offsets - t * p[:, None])
        state[:, 1:-1][distance >= (deviation * t**SHAPE)[:, None] - 1e-9] = 0.0
        start = now
    return np.asarray(1.0 - state.sum(axis=1))


def _paths(p: Floats, value: float, looks: float, planned: int, population: float) -> Mask:
    reach = np.abs(value - p) * looks ** (1.0 - SHAPE) / np.sqrt(p * (1.0 - p))
    inside = reach < _FARTHEST * planned ** (0.5 - SHAPE)
    if inside.any():
        inside[inside] = crossing(p[inside], reach[inside], planned, population) > ERROR
    return np.asarray(inside)


def _mixture(p: Floats, value: float, looks: float, population: float) -> Mask:
    """Whether the uniform mixture over rates has earned less than 1/ERROR against p."""
    against, agreed = value * looks, (1.0 - value) * looks
    mixed = betaln(against + 1.0, agreed + 1.0)
    if not np.isfinite(population):
        own = xlogy(against, p) + xlog1py(agreed, -p)
    else:
        # Falling factorials: the chance of this very order where p of the population are against the judge.
        those, others = p * population, (1.0 - p) * population
        possible = (those >= against) & (others >= agreed)
        own = np.where(
            possible,
            _falling(np.where(possible, those, against), against)
            + _falling(np.where(possible, others, agreed), agreed)
            - _falling(np.asarray(population), looks),
            -np.inf,
        )
    return np.asarray(mixed - own < -np.log(ERROR))


def _falling(n: Floats, k: float) -> Floats:
    return np.asarray(gammaln(n + 1.0) - gammaln(n - k + 1.0))


def _hull(member: Callable[[Floats], Mask], value: float) -> Interval:
    """The farthest members on either side of `value`, on a grid that is made finer around them."""
    bounds = []
    for end in (0.0, 1.0):
        inner, outer = value, end
        for _ in range(_PASSES if value != end else 0):
            grid = inner + (outer - inner) * np.arange(1, _POINTS + 1) / _POINTS
            open_ones = (grid > 1e-12) & (grid < 1.0 - 1e-12)
            inside = np.zeros(_POINTS, dtype=bool)
            inside[open_ones] = member(grid[open_ones])
            last = int(np.flatnonzero(inside)[-1]) if inside.any() else -1
            step = (outer - inner) / _POINTS
            inner, outer = inner + step * (last + 1), inner + step * min(last + 2, _POINTS)
        bounds.append(outer)
    return Interval(value=value, low=min(value, bounds[0]), high=max(value, bounds[1]))
