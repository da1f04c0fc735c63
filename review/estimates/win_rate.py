"""How often people would prefer the candidate, from labels on a few held-out comparisons and verdicts on all.

The judge's verdicts sharpen what the labels say. A judge that is wrong makes the interval wider; it cannot move it in
the candidate's favour.

Only the random lane enters, and only with equal inclusion probabilities. Skipped items are taken to be missing at
random. Left out: intervals valid at every moment (the gate looks once, at a number of labels fixed beforehand), and the
ppi-python package, which brings numba and scikit-learn for what are a few lines here.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from judge.interval import Interval
from review.errors import ReviewError
from review.estimates.standing import mean_p_first, random_lane
from store.records import Comparison, Label, Verdict


class Estimate(Interval):
    """A label-corrected win rate in [0, 1]; `low` and `high` are the two-sided 95% bounds."""

    lower: float
    """The one-sided lower bound at `confidence`: what the gate looks at."""
    confidence: float
    tuning: float
    """λ, the weight given to the judge: 0 ignores it, 1 takes its probabilities at face value."""
    labels: int
    differing: int
    """Comparisons whose answers differ: what the labels were drawn from."""
    identical: int
    judge_only: float
    """The win rate by the judge's word, before any correction."""


def corrected_win_rate(
    judged: Iterable[tuple[Comparison, Verdict]],
    labels: Iterable[Label],
    identical: int,
    confidence: float = 0.95,
) -> Estimate | None:
    """How often people would prefer the candidate (`first`) on prompts like these; None without a label.

    `judged` are all held-out comparisons whose answers differ, one a prompt; `labels` answer a random part of them;
    `identical` counts the comparisons whose answers are the same text, worth one half each without a label. An unscored
    comparison stands with f = 1/2: the estimate stays right whatever f is.
    Raises UnequalInclusion, and ReviewError for a label on a comparison that is not among `judged`.
    """
    p_first = mean_p_first(judged)
    ids = sorted(p_first)
    standing = random_lane(labels)
    strangers = sorted(set(standing) - set(ids))
    if strangers:
        raise ReviewError(
            f"{len(strangers)} labels are about comparisons that are not being estimated, such as {strangers[0]}; "
            "pass the labels and the verdicts of the same round and purpose"
        )
    if not standing:
        return None
    f = np.array([0.5 if (p := p_first[i]) is None else p for i in ids])
    labelled = [index for index, comparison_id in enumerate(ids) if comparison_id in standing]
    y = np.array([standing[ids[index]].p_first for index in labelled])
    return prediction_powered(y, f[labelled], f, identical, confidence)


def prediction_powered(
    y: NDArray[np.float64],
    f_labelled: NDArray[np.float64],
    f: NDArray[np.float64],
    identical: int = 0,
    confidence: float = 0.95,
) -> Estimate:
    """The power-tuned prediction-powered mean of a win in {0, 1/2, 1}, and its bounds.

    `y`, shape (n,), are the labels; `f_labelled`, shape (n,), the judge's probabilities on the same comparisons;
    `f`, shape (M,), its probabilities on all of them, labelled ones included; n ≥ 1, M ≥ n.

    With bars for means, over the n labelled or all M, the mean over differing comparisons is estimated by

        θ_d = ȳ_n + λ (f̄_M - f̄_n),      λ = cov_n(y, f) / var_M(f),

    which is PPI++ (Angelopoulos, Duchi and Zrnic 2023, arXiv 2311.01453, the mean with power tuning): their labelled
    set is our n, their unlabelled set the other M - n, and their λ, cov / ((1 + n/(M-n)) var), is ours times
    (M-n)/M, because they average f over the others alone. It is not clipped to [0, 1]: a timid judge deserves
    more than 1, and one that is wrong throughout deserves less than 0.

    The identical comparisons are one half each, so with N = M + identical and w = M/N the win rate is
    θ = 1/2 + w (θ_d - 1/2). The prompts are themselves a sample, so with e = y - λf the variance is

        w² var(e) (1/n - 1/M)  +  [w var(y) + w (1-w) (θ_d - 1/2)²] / N :

    which comparisons were labelled, and which prompts (and how many identical answers) were met at all. The last term
    is 0 at θ = 1/2, so identical answers hardly touch the test against one half.

    Small samples and unanimous labels would give an interval that is too narrow, or of no width. So the bounds
    are computed with one win and one loss added to the labels at the mean of `f_labelled` (as Agresti and Coull 1998
    add two of each; one of each proved enough here), and with Student's t at n - 2 degrees of freedom, a mean and a
    slope having been estimated. `value` has nothing added. Simulated coverage and error rates are held by tests.
    """
    n, size = len(y), len(f)
    spread = float(f.var())
    covariance = float((y - y.mean()) @ (f_labelled - f_labelled.mean())) / max(1, n - 1)
    tuning = covariance / spread if spread > 1e-12 else 0.0
    correction = tuning * float(f.mean() - f_labelled.mean())

    y_more = np.append(y, (1.0, 0.0))
    residuals = y_more - tuning * np.append(f_labelled, np.full(2, f_labelled.mean()))
    centre = float(y_more.mean()) + correction
    total = size + identical
    share = size / total
    drawn_variance = float(residuals.var(ddof=2)) * max(0.0, 1 / len(y_more) - 1 / size)
    met_variance = share * float(y_more.var(ddof=1)) + share * (1 - share) * (centre - 0.5) ** 2
    error = float(np.sqrt(share**2 * drawn_variance + met_variance / total))

    def overall(mean: float) -> float:
        return min(1.0, max(0.0, 0.5 + share * (mean - 0.5)))

    def bound(level: float) -> float:
        reach = float(stdtrit(max(1, n - 2), level)) * error
        return min(1.0, max(0.0, 0.5 + share * (centre - 0.5) + reach))

    value = overall(float(y.mean()) + correction)
    return Estimate(
        value=value,
        low=min(value, bound(0.025)),
        high=max(value, bound(0.975)),
        lower=min(value, bound(1 - confidence)),
        confidence=confidence,
        tuning=tuning,
        labels=n,
        differing=size,
        identical=identical,
        judge_only=overall(float(f.mean())),
    )
