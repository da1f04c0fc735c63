"""How often people would prefer the candidate, from labels on a few held-out comparisons and verdicts on all.

The judge's verdicts sharpen what the labels say. A judge that is wrong makes the interval wider; it cannot move it in
the candidate's favour.

Only blind labels of the random lane enter. Skipped items are taken to be missing at random (within their part, where
the draw had parts). Left out: intervals valid at every moment (the gate looks once, at a number of labels fixed
beforehand), and the ppi-python package, which brings numba and scikit-learn for what are a few lines here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from judge.interval import Interval
from review.errors import ReviewError
from review.estimates.sampled import Sampled, sampled, weights
from store.answered import Answer, Answered, Drawn
from store.run import RunStore


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
    store: RunStore, round: int, identical: int, confidence: float = 0.95
) -> Estimate | None:
    """How often people would prefer the candidate of a round (`first`) on prompts like its held-out ones.

    `identical` counts the prompts whose two answers are the same text, worth one half each without a label. None
    without a label. Raises ReviewError as `win_rate_of`.
    """
    rows = Answered(store.database, store.name)
    answers = rows.answers(round, "gate")
    if not any(answer.lane == "random" for answer in answers):
        return None
    return win_rate_of(answers, rows.drawn(round, "gate"), store.scores(round, "gate"), identical, confidence)


def win_rate_of(
    answers: Iterable[Answer],
    drawn: Sequence[Drawn],
    scores: Iterable[tuple[str, float | None]],
    identical: int,
    confidence: float = 0.95,
) -> Estimate | None:
    """The same from rows: `scores` are all comparisons whose answers differ, one a prompt, with the judge's word.

    An unscored comparison stands with f = 1/2: the estimate stays right whatever f is. Several judges' scores of a
    comparison count their mean. Raises ReviewError for a label on a comparison that is not among `scores`.
    """
    by_comparison: dict[str, list[float]] = {}
    for comparison_id, p_first in scores:
        own = by_comparison.setdefault(comparison_id, [])
        if p_first is not None:
            own.append(p_first)
    p_first_of = {id: sum(own) / len(own) if own else 0.5 for id, own in by_comparison.items()}
    sample = sampled(answers, p_first_of, drawn)
    strangers = [id for id in sample.ids if id not in p_first_of]
    if strangers:
        raise ReviewError(
            f"{len(strangers)} labels are about comparisons that are not being estimated, such as {strangers[0]}; "
            "pass the labels and the verdicts of the same round and purpose"
        )
    if not sample.ids:
        return None
    f = np.array([p_first_of[id] for id in sorted(p_first_of)])
    labelled = np.array([p_first_of[id] for id in sample.ids])
    if len(np.unique(sample.stratum)) == 1 and np.ptp(sample.probability) <= 1e-9 * sample.probability.max():
        return prediction_powered(sample.people, labelled, f, identical, confidence)
    return prediction_powered_by_parts(sample, labelled, f, identical, confidence)


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
    found = _Differing(
        mean=float(y.mean()) + correction,
        centre=float(y_more.mean()) + correction,
        drawn_variance=float(residuals.var(ddof=2)) * max(0.0, 1 / len(y_more) - 1 / size),
        spread=float(y_more.var(ddof=1)),
        freedom=max(1.0, n - 2.0),
        labels=n,
        tuning=tuning,
    )
    return _overall(found, f, identical, confidence)


def prediction_powered_by_parts(
    sample: Sampled,
    f_labelled: NDArray[np.float64],
    f: NDArray[np.float64],
    identical: int = 0,
    confidence: float = 0.95,
) -> Estimate:
    """The same where the population was cut into parts, or chances were unequal.

    With u_i the weights of the labelled comparisons (1 / probability, summing to 1), the mean over differing
    comparisons is estimated by the difference estimator (Särndal, Swensson and Wretman 1992, Model Assisted Survey
    Sampling, chapter 6; for equal chances it is `prediction_powered`)

        θ_d = Σ u_i y_i + λ (f̄_M - Σ u_i f_i),

    and λ is the regression of y on f within parts, weighted as the variance is. The variance of the draw is that of the
    weighted residuals y - λf within parts, each with its finite population correction. Student's t has the degrees of
    freedom of Satterthwaite (1946, An approximate distribution of estimates of variance components), less one for the
    slope: where few labels of a large part make most of the variance, it is known as badly as from those few. The
    rest, and the win and the loss added, are as in `prediction_powered`.
    """
    y, n = sample.people, len(sample.ids)
    share = weights(sample)
    share = share / share.sum()
    parts = len(sample.population)
    counts = np.bincount(sample.stratum, minlength=parts).astype(float)
    left = np.clip(1.0 - counts / np.maximum(sample.population, counts), 0.0, 1.0)
    # A part with a single label has no spread of its own: its distance from the whole stands in.
    several = (counts > 1)[sample.stratum]

    def centred(values: NDArray[np.float64]) -> NDArray[np.float64]:
        means = np.bincount(sample.stratum, values, minlength=parts) / np.maximum(counts, 1.0)
        return values - np.where(several, means[sample.stratum], float(share @ values))

    scale = (
        share**2 * (left * np.where(counts > 1, counts / np.maximum(counts - 1.0, 1.0), 1.0))[sample.stratum]
    )
    spread = float(scale @ centred(f_labelled) ** 2)
    covariance = float(scale @ (centred(f_labelled) * centred(y)))
    tuning = covariance / spread if spread > 1e-12 else 0.0
    correction = tuning * float(f.mean() - share @ f_labelled)

    mean = float(share @ y)
    added = 0.5 / n * float((share**2 * left[sample.stratum]).sum())
    by_part = np.bincount(sample.stratum, scale * centred(y - tuning * f_labelled) ** 2, minlength=parts)
    drawn_variance = float(by_part.sum()) + added
    unsure = float((by_part**2 / np.maximum(counts - 1.0, 1.0)).sum())
    freedom = float(by_part.sum()) ** 2 / unsure if unsure > 0.0 else float(n - (counts > 0).sum())
    found = _Differing(
        mean=mean + correction,
        centre=(n * mean + 1.0) / (n + 2.0) + correction,
        drawn_variance=drawn_variance * n / (n + 2.0),
        spread=(n * float(share @ (y - mean) ** 2) + 0.5) / (n + 1.0),
        freedom=max(1.0, freedom - 1.0),
        labels=n,
        tuning=tuning,
    )
    return _overall(found, f, identical, confidence)


@dataclass(frozen=True)
class _Differing:
    """The mean over differing comparisons, and the same with a win and a loss added, which bounds stand around."""

    mean: float
    centre: float
    drawn_variance: float
    """Of `centre`, for which comparisons were labelled."""
    spread: float
    """The variance of the labels."""
    freedom: float
    labels: int
    tuning: float


def _overall(found: _Differing, f: NDArray[np.float64], identical: int, confidence: float) -> Estimate:
    """With the identical comparisons, and with the variance of which prompts were met."""
    size = len(f)
    total = size + identical
    share = size / total
    met_variance = share * found.spread + share * (1 - share) * (found.centre - 0.5) ** 2
    error = float(np.sqrt(share**2 * found.drawn_variance + met_variance / total))

    def overall(mean: float) -> float:
        return min(1.0, max(0.0, 0.5 + share * (mean - 0.5)))

    def bound(level: float) -> float:
        reach = float(stdtrit(found.freedom, level)) * error
        return min(1.0, max(0.0, 0.5 + share * (found.centre - 0.5) + reach))

    value = overall(found.mean)
    return Estimate(
        value=value,
        low=min(value, bound(0.025)),
        high=max(value, bound(0.975)),
        lower=min(value, bound(1 - confidence)),
        confidence=confidence,
        tuning=found.tuning,
        labels=found.labels,
        differing=size,
        identical=identical,
        judge_only=overall(float(f.mean())),
    )
