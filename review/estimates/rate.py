"""How often people side against the judge, with a 95% interval that fits how the comparisons were drawn.

A share among the decided comparisons, each weighted by 1 / its inclusion probability and by how many of its part were
answered at all (so an unanswered item is taken to be missing at random within its part). Its interval is Wilson's
(1927, Probable inference, the law of succession, and statistical inference), which stays honest near 0 and 1, at an
*effective* number of comparisons, n over the design effect (Kish 1965, Survey Sampling), as Dean and Pagano (2015,
Journal of Survey Statistics and Methodology 3) and Franco, Little, Louis and Slud (2019, the same journal 7) use it.

- Equal chances, one part: Wilson as it stands. Where more than a twentieth of the population was answered, the finite
  population correction (N - n) / (N - 1) goes into the effective number (Cochran 1977, Sampling Techniques).
- Parts, or unequal chances: the design effect by linearising the ratio, within parts, with their finite population
  correction (Särndal, Swensson and Wretman 1992, Model Assisted Survey Sampling; Hájek 1971).
- Several comparisons a prompt: the same between prompts. A simple random sample of a round's comparisons speaks for
  that round however prompts recur in it; but where few prompts gave most of it, what one wants to know is what happens
  on others, and then a prompt is what counts. So it is done where a comparison shares its prompt with half a
  comparison more on average (`SHARED`); below that the interval would grow by a few per cent at most.

A variance that was estimated from five disagreements is hardly known, and from none is 0. So the design effect that
was found is weighed, by the number of the rarer outcome, against what the weights (and for prompts a correlation of
`EXPECTED_CORRELATION`) alone would make of it, at `PRIOR_EVENTS` outcomes. Simulations hold what comes of it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from judge.interval import Interval
from judge.wilson import wilson
from review.estimates.report import Method
from review.estimates.sampled import Floats, Sampled, weights

SHARED = 1.5
"""The mean number of comparisons that the prompt of a comparison gave, from which prompts are what counts."""
SMALL_FRACTION = 0.05
PRIOR_EVENTS = 4.0
EXPECTED_CORRELATION = 0.2


@dataclass(frozen=True)
class Rate:
    """A share and its interval; `effective` comparisons with equal chances would tell as much."""

    interval: Interval | None
    method: Method
    why: str
    effective: float


def disagreement_rate(sample: Sampled) -> Rate:
    """The share of decided comparisons in which people side against the judge; None where none is decided."""
    decided = ~np.isnan(sample.against)
    n = int(decided.sum())
    method = _method(sample, decided)
    if n == 0:
        return Rate(None, method, "No comparison is decided.", 0.0)
    if method == "wilson":
        return _equal(sample, decided)
    share = weights(sample)[decided]
    share = share / share.sum()
    value = float(min(1.0, max(0.0, share @ sample.against[decided])))
    if method == "clustered":
        found, expected, freedom = _between_prompts(sample, decided, share, value)
    else:
        found, expected, freedom = _within_parts(sample, decided, share, value)
    rarer = min(sample.against[decided].sum(), n - sample.against[decided].sum())
    effect = (rarer * found + PRIOR_EVENTS * expected) / (rarer + PRIOR_EVENTS)
    if method == "clustered":
        effect = max(effect, float(n * (share**2).sum()))
    if effect < 1e-9:
        return Rate(
            Interval(value=value, low=value, high=value), method, _why(method, sample, decided), float("inf")
        )
    effective = n / effect * float(ndtri(0.975) / stdtrit(freedom + PRIOR_EVENTS, 0.975)) ** 2
    return Rate(wilson(value, effective), method, _why(method, sample, decided), effective)


def _method(sample: Sampled, decided: np.ndarray) -> Method:
    if decided.any():
        sizes = np.bincount(sample.prompt[decided])
        if (sizes.astype(float) ** 2).sum() / sizes.sum() >= SHARED:
            return "clustered"
    if len(np.unique(sample.stratum)) > 1:
        return "stratified"
    chances = sample.probability
    return "hajek" if len(chances) and np.ptp(chances) > 1e-9 * chances.max() else "wilson"


def _equal(sample: Sampled, decided: np.ndarray) -> Rate:
    n, against = int(decided.sum()), int(sample.against[decided].sum())
    answered = len(sample.ids)
    population = max(float(sample.population[sample.stratum[0]]), answered)
    why = "Every comparison had the same chance to be drawn."
    if answered <= SMALL_FRACTION * population:
        return Rate(wilson(against / n, n), "wilson", why, float(n))
    why += f" The {answered} answered are a good part of the {population:,.0f}, so the interval is narrower."
    if answered >= population - 0.5:
        return Rate(
            Interval(value=against / n, low=against / n, high=against / n), "wilson", why, float("inf")
        )
    effective = n * (population - 1) / (population - answered)
    return Rate(wilson(against / n, effective), "wilson", why, effective)


def _within_parts(
    sample: Sampled, decided: np.ndarray, share: Floats, value: float
) -> tuple[float, float, float]:
    """The design effect found and expected, and the degrees of freedom."""
    residual = np.zeros(len(sample.ids))
    residual[decided] = share * (sample.against[decided] - value)
    parts = len(sample.population)
    size = np.bincount(sample.stratum, minlength=parts).astype(float)
    left = np.clip(1.0 - size / np.maximum(sample.population, size), 0.0, 1.0)
    total = np.bincount(sample.stratum, residual, minlength=parts)
    squares = np.bincount(sample.stratum, residual**2, minlength=parts)
    # A part with a single answer has no spread of its own: its distance from the whole stands in.
    several = size > 1
    spread = np.where(
        several, (squares - total**2 / np.maximum(size, 1)) * size / np.maximum(size - 1, 1), squares
    )
    n = int(decided.sum())
    expected = float(n * (share**2 * left[sample.stratum[decided]]).sum())
    freedom = max(1.0, len(sample.ids) - float((size > 0).sum()))
    return _effect(float((left * spread).sum()), value, n, expected), expected, freedom


def _between_prompts(
    sample: Sampled, decided: np.ndarray, share: Floats, value: float
) -> tuple[float, float, float]:
    prompt = sample.prompt[decided]
    totals = np.bincount(prompt, share * (sample.against[decided] - value))
    mass = np.bincount(prompt, share)
    prompts, n = int((mass > 0).sum()), int(decided.sum())
    unequal = float((share**2).sum())
    size = float((mass**2).sum()) / unequal
    expected = n * unequal * (1.0 + (size - 1.0) * EXPECTED_CORRELATION)
    if prompts == 1:
        return float(n), float(n), 1.0
    found = _effect(float((totals**2).sum()) * prompts / (prompts - 1), value, n, expected)
    return found, expected, prompts - 1.0


def _effect(variance: float, value: float, n: int, expected: float) -> float:
    plain = value * (1.0 - value) / n
    return variance / plain if plain > 0.0 else expected


def _why(method: Method, sample: Sampled, decided: np.ndarray) -> str:
    prompts = len(np.unique(sample.prompt[decided]))
    if method == "clustered":
        return (
            f"The {int(decided.sum())} decided comparisons come from {prompts} prompts, and what people say of one "
            "prompt's comparisons goes together: the prompts are what counts."
        )
    if method == "hajek":
        return "Comparisons had unequal chances to be drawn, so each is weighted by 1 / its own."
    known = len(np.unique(sample.stratum))
    silent = int((sample.drawn > 0).sum()) - known
    why = f"The comparisons were drawn from {known + silent} parts apart; each part counts by its size."
    return why + (f" {silent} of them have no label yet, and the others stand for them." if silent else "")
