"""Cohen's kappa of a judge and people: agreement beyond what their habits alone would give.

Written out rather than taken from a library, because an interval that knows of shared prompts needs it for thousands
of resampled tables at once; a test holds it to statsmodels.

Cohen (1960), A coefficient of agreement for nominal scales.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from judge.interval import Interval
from judge.measure.resampling import percentiles, resample

Floats = NDArray[np.float64]


def cohens_kappa(
    judge: Sequence[str], people: Sequence[str], groups: NDArray[np.intp], *, seed: int = 0
) -> Interval | None:
    """Kappa in [-1, 1] and its 95% interval by a bootstrap over `groups` (rows of one prompt share theirs).

    None where it is not defined: no rows, or both always say the same one thing.
    """
    classes = sorted({*judge, *people})
    count = len(classes)
    cells = np.zeros((len(judge), count * count))
    for row, (one, other) in enumerate(zip(judge, people, strict=True)):
        cells[row, classes.index(one) * count + classes.index(other)] = 1.0
    value = float(_kappa(cells.sum(axis=0, keepdims=True), count)[0]) if len(judge) else float("nan")
    if not np.isfinite(value):
        return None
    return percentiles(value, resample(cells, groups, seed=seed), lambda sums: _kappa(sums, count))


def _kappa(sums: Floats, count: int) -> Floats:
    tables = sums.reshape(-1, count, count) / sums.sum(axis=1)[:, None, None]
    observed = np.trace(tables, axis1=1, axis2=2)
    chance = (tables.sum(axis=2) * tables.sum(axis=1)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa: Floats = np.where(chance < 1.0, (observed - chance) / (1.0 - chance), np.nan)
    return kappa
