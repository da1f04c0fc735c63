"""Two judges on the same comparisons: is one more often right, beyond chance?

Only rows that both scored and on which people prefer a side count, and only those where one is right and the other is
not tell the two apart. McNemar's exact test takes rows as independent; where rows share prompts they are not, and then
the interval of the difference and the permutation test, both over prompts, are what to read.

McNemar (1947); Efron and Tibshirani (1993).
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from statsmodels.stats.contingency_tables import mcnemar

from judge.errors import JudgeError
from judge.interval import Interval
from judge.measure.figures import Judged, right_by_row
from judge.measure.resampling import groups_of, percentiles, resample

Floats = NDArray[np.float64]

_PERMUTATIONS = 9_999
_CELLS_AT_ONCE = 2_000_000


class PairedComparison(BaseModel):
    """`judge` against `baseline`: accuracies on the `n` rows that both scored, and whether they differ."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    judge: str
    baseline: str
    n: int
    accuracy: float
    baseline_accuracy: float
    difference: Interval = Field(description="Of the accuracies, with a 95% bootstrap interval over prompts.")
    only_judge_right: int = Field(description="Rows on which the judge is more right than the baseline.")
    only_baseline_right: int
    mcnemar_p: float = Field(description="Two-sided, exact; takes rows as independent.")
    prompts_p: float = Field(
        description="Two-sided, by flipping the sign of whole prompts; rows may share them."
    )


def compare_judges(
    name: str, judged: Judged, baseline_name: str, baseline: Judged, *, seed: int = 0
) -> PairedComparison | None:
    """Compare two judges on the same rows in the same order; None where no row was scored by both.

    Raises `JudgeError` where the rows are not the same.
    """
    if judged.prompt_ids != baseline.prompt_ids:
        raise JudgeError("two judges can only be compared on the same labelled comparisons.")
    right, other = right_by_row(judged), right_by_row(baseline)
    both = ~np.isnan(right) & ~np.isnan(other)
    right, other = right[both], other[both]
    if not len(right):
        return None
    groups = groups_of([one for one, inside in zip(judged.prompt_ids, both, strict=True) if inside])
    gained = right - other
    sums = resample(np.column_stack([gained, np.ones_like(gained)]), groups, seed=seed)
    better, worse = int((gained > 0).sum()), int((gained < 0).sum())
    return PairedComparison(
        judge=name,
        baseline=baseline_name,
        n=len(right),
        accuracy=float(right.mean()),
        baseline_accuracy=float(other.mean()),
        difference=percentiles(float(gained.mean()), sums, lambda drawn: drawn[:, 0] / drawn[:, 1]),
        only_judge_right=better,
        only_baseline_right=worse,
        mcnemar_p=float(mcnemar([[0, better], [worse, 0]], exact=True).pvalue) if better + worse else 1.0,
        prompts_p=_by_prompts(gained, groups, seed),
    )


def _by_prompts(gained: Floats, groups: NDArray[np.intp], seed: int) -> float:
    """Share of sign assignments to whole prompts whose sum is as far from zero as the one observed."""
    by_prompt = np.bincount(groups, weights=gained)
    by_prompt = by_prompt[by_prompt != 0]
    if not len(by_prompt):
        return 1.0
    rng = np.random.default_rng(seed)
    observed, as_far, at_once = abs(float(by_prompt.sum())), 1, max(1, _CELLS_AT_ONCE // len(by_prompt))
    for start in range(0, _PERMUTATIONS, at_once):
        draws = min(at_once, _PERMUTATIONS - start)
        signs = rng.integers(0, 2, size=(draws, len(by_prompt)), dtype=np.int8) * 2 - 1
        as_far += int((np.abs(signs @ by_prompt) >= observed - 1e-9).sum())
    return as_far / (_PERMUTATIONS + 1)
