"""Rates over comparisons and their intervals, where comparisons of one prompt are not independent.

Every rate is a ratio of two sums, so a bootstrap over prompts needs each prompt's sums and nothing else: one draw of
prompts gives every rate at once, and of two judges the difference. The two presentation orders of a comparison are
one row here, never two.

Where each prompt has a single row a rate is a plain share, and Wilson's interval is better than a bootstrap, which
says nothing of the spread where every row is right.

Efron and Tibshirani (1993), An Introduction to the Bootstrap (percentile intervals); Wilson (1927).
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from judge.interval import Interval
from judge.wilson import wilson

Floats = NDArray[np.float64]

LEVEL = 0.95
RESAMPLES = 2000
_CELLS_AT_ONCE = 2_000_000


def groups_of(prompt_ids: Sequence[str]) -> NDArray[np.intp]:
    """The group of each row, numbered by prompt id; the order of rows changes nothing but the order."""
    return np.unique(np.asarray(prompt_ids, dtype=np.str_), return_inverse=True)[1].astype(np.intp)


def resample(
    columns: Floats, groups: NDArray[np.intp], *, seed: int = 0, resamples: int = RESAMPLES
) -> Floats:
    """Column sums of `resamples` draws of the groups with replacement: (rows, m) and (rows,) to (resamples, m)."""
    count = int(groups.max()) + 1
    sums = np.zeros((count, columns.shape[1]))
    np.add.at(sums, groups, columns)
    rng = np.random.default_rng(seed)
    even = np.full(count, 1.0 / count)
    at_once = max(1, _CELLS_AT_ONCE // count)
    return np.concatenate([
        rng.multinomial(count, even, size=min(at_once, resamples - start)).astype(np.float64) @ sums
        for start in range(0, resamples, at_once)
    ])  # fmt: skip


def rate(won: Floats, counted: Floats, groups: NDArray[np.intp], *, seed: int = 0) -> Interval | None:
    """sum(won) / sum(counted) with its 95% interval; None where nothing is counted. Rows are won in [0, counted]."""
    total = float(counted.sum())
    if total == 0:
        return None
    value = float(won.sum()) / total
    used = groups[counted > 0]
    prompts = len(np.unique(used))
    if prompts == 1 < len(used):
        return Interval(
            value=value, low=0.0, high=1.0
        )  # one prompt says nothing of the spread between prompts
    if prompts == len(used):
        return wilson(value, total, LEVEL)
    interval = percentiles(
        value,
        resample(np.column_stack([won, counted]), groups, seed=seed),
        lambda sums: sums[:, 0] / sums[:, 1],
    )
    return interval if interval.low < interval.high else wilson(value, float(prompts), LEVEL)


def percentiles(value: float, sums: Floats, of: Callable[[Floats], Floats]) -> Interval:
    """The interval of a figure `of` the sums of each draw; draws in which it has no value are passed over."""
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = of(sums)
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return Interval(value=value, low=value, high=value)
    tail = 50.0 * (1.0 - LEVEL)
    low, high = np.percentile(drawn, [tail, 100.0 - tail])
    return Interval(value=value, low=min(value, float(low)), high=max(value, float(high)))
