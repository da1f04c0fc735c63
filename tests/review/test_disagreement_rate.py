"""The formulas behind the audit's intervals, each against another way of working it out."""

from itertools import combinations, product

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import hypergeom, norm, t

from judge.wilson import wilson
from review.estimates.rate import EXPECTED_CORRELATION, PRIOR_EVENTS, disagreement_rate
from review.estimates.sampled import Sampled, weights
from review.estimates.sequence import LONGEST, SHAPE, anytime_interval, crossing


def make(against, probability=0.01, stratum=None, prompt=None, population=None, drawn=None):
    against = np.asarray(against, dtype=float)
    n = len(against)
    stratum = np.zeros(n, dtype=np.int64) if stratum is None else np.asarray(stratum)
    parts = int(stratum.max()) + 1
    chances = np.broadcast_to(np.asarray(probability, dtype=float), (n,)).copy()
    return Sampled(
        ids=tuple(map(str, range(n))),
        against=against,
        people=np.where(np.isnan(against), 0.5, against),
        scored=np.ones(n, dtype=bool),
        probability=chances,
        stratum=stratum,
        prompt=np.arange(n) if prompt is None else np.asarray(prompt),
        labels=np.ones(n, dtype=np.int64),
        both_bad=np.zeros(n, dtype=bool),
        tied=np.isnan(against),
        strata=tuple(map(str, range(parts))),
        drawn=np.bincount(stratum) if drawn is None else np.asarray(drawn),
        population=np.bincount(stratum, 1 / chances) if population is None else np.asarray(population, float),
    )


def test_equal_chances_are_wilsons_interval_as_it_stands():
    found = disagreement_rate(make([1] * 19 + [0] * 41 + [np.nan] * 5))
    assert (found.interval, found.method, found.effective) == (wilson(19 / 60, 60), "wilson", 60.0)


def test_a_good_part_of_a_small_round_narrows_as_drawing_without_replacement_does():
    """The effective number is the one whose binomial variance is that of the hypergeometric."""
    found = disagreement_rate(make([1] * 12 + [0] * 28, probability=40 / 100))
    p = 0.3
    variance = hypergeom(100, 30, 40).var() / 40**2
    assert p * (1 - p) / found.effective == pytest.approx(variance)


def _effective(found, expected, events, freedom, n):
    effect = (events * found + PRIOR_EVENTS * expected) / (events + PRIOR_EVENTS)
    return n / effect * (norm.ppf(0.975) / t.ppf(0.975, freedom + PRIOR_EVENTS)) ** 2


def test_unequal_chances_have_the_robust_variance_of_a_weighted_mean():
    rng = np.random.default_rng(1)
    against, chances = (rng.random(50) < 0.4).astype(float), rng.uniform(1e-7, 1e-6, 50)
    found = disagreement_rate(make(against, chances))
    w = 1 / chances
    fit = sm.WLS(against, np.ones(50), weights=w).fit(cov_type="HC1")
    assert found.interval.value == pytest.approx(fit.params[0])
    p, share = fit.params[0], w / w.sum()
    effect = fit.bse[0] ** 2 / (p * (1 - p) / 50)
    events = min(against.sum(), 50 - against.sum())
    expected = _effective(effect, 50 * (share**2).sum(), events, 49, 50)
    assert found.effective == pytest.approx(expected, rel=1e-4)
    assert found.interval == wilson(found.interval.value, found.effective)


def test_prompts_have_the_cluster_robust_variance_of_a_mean():
    rng = np.random.default_rng(2)
    prompt = np.repeat(np.arange(15), 4)
    against = (rng.random(60) < rng.beta(1, 2, 15)[prompt]).astype(float)
    found = disagreement_rate(make(against, 1e-6, prompt=prompt))
    fit = sm.OLS(against, np.ones(60)).fit(
        cov_type="cluster", cov_kwds={"groups": prompt, "use_correction": False}
    )
    p = against.mean()
    effect = fit.bse[0] ** 2 * 15 / 14 / (p * (1 - p) / 60)
    expected = _effective(
        effect, 1 + 3 * EXPECTED_CORRELATION, min(against.sum(), 60 - against.sum()), 14, 60
    )
    assert found.method == "clustered"
    assert found.effective == pytest.approx(expected)


def test_every_stratified_draw_there_is_averages_to_the_truth_and_to_its_variance():
    """All 200 draws of three of six and two of five, one by one: the estimate and its variance are unbiased."""
    parts = [np.array([1, 0, 0, 1, 0, 0.0]), np.array([1, 1, 0, 1, 1.0])]
    sizes, wanted = np.array([6, 5]), np.array([3, 2])
    truth = np.concatenate(parts).mean()
    values, variances = [], []
    for one, other in product(
        *(combinations(range(len(part)), k) for part, k in zip(parts, wanted, strict=True))
    ):
        against = np.r_[parts[0][list(one)], parts[1][list(other)]]
        stratum = np.repeat([0, 1], wanted)
        sample = make(against, (wanted / sizes)[stratum], stratum)
        share = weights(sample) / weights(sample).sum()
        values.append(disagreement_rate(sample).interval.value)
        spread = np.array([against[stratum == part].var(ddof=1) for part in (0, 1)])
        variances.append(((sizes / 11) ** 2 * (1 - wanted / sizes) * spread / wanted).sum())
        assert share @ against == pytest.approx(values[-1])
        events = min(against.sum(), 5 - against.sum())
        p = values[-1]
        if 0 < p < 1 and variances[-1] > 0:
            kish = 5 * float((share**2 * (1 - (wanted / sizes)[stratum])).sum())
            expected = _effective(variances[-1] * 5 / (p * (1 - p)), kish, events, 3, 5)
            assert disagreement_rate(sample).effective == pytest.approx(expected)
    assert len(values) == 200
    assert np.mean(values) == pytest.approx(truth)
    assert np.mean(variances) == pytest.approx(np.var(values))


@pytest.mark.parametrize("against", [np.zeros(12), np.ones(12)])
@pytest.mark.parametrize("shape", ["plain", "parts", "chances", "prompts"])
def test_unanimous_labels_leave_room(against, shape):
    how = {
        "plain": {},
        "parts": {"stratum": np.repeat([0, 1], 6), "probability": np.repeat([0.01, 0.1], 6)},
        "chances": {"probability": np.linspace(0.01, 0.1, 12)},
        "prompts": {"prompt": np.repeat(np.arange(4), 3)},
    }[shape]
    found = disagreement_rate(make(against, **how)).interval
    assert found.value == pytest.approx(against[0])
    assert 0.2 < found.high - found.low < 0.8


def test_prompts_count_from_where_a_comparison_shares_its_prompt_with_half_another():
    against = np.tile([1.0, 0.0, 0.0], 8)
    in_threes = np.arange(24) // 3
    few = np.where(
        np.arange(24) < 6, in_threes, 100 + np.arange(24)
    )  # two prompts of three, the rest alone: mean 1.5
    fewer = np.where(np.arange(24) < 3, 0, np.arange(24))  # one prompt of three: mean 1.25
    found = [disagreement_rate(make(against, prompt=prompt)).method for prompt in (in_threes, few, fewer)]
    assert found == ["clustered", "clustered", "wilson"]


def test_a_single_prompt_says_as_much_as_a_single_label():
    found = disagreement_rate(make([1, 1, 0, 1, 0, 0], prompt=[0] * 6))
    assert found.interval.low < 0.1 < 0.9 < found.interval.high


def test_crossing_is_what_every_path_taken_one_by_one_says():
    for planned, population in ((6, np.inf), (6, 10.0)):
        for p in (0.3, 0.5):
            for reach in (0.9, 1.3, 1.8):
                expected = 0.0
                for path in product((0, 1), repeat=planned):
                    counts = np.cumsum(path)
                    times = np.arange(1, planned + 1)
                    out = np.abs(counts - times * p) >= reach * np.sqrt(p * (1 - p)) * times**SHAPE - 1e-9
                    if out.any():
                        expected += _chance(path, p, population)
                found = crossing(np.array([p]), np.array([reach]), planned, population)[0]
                assert found == pytest.approx(expected, abs=1e-12)


def _chance(path, p, population):
    if np.isinf(population):
        return p ** sum(path) * (1 - p) ** (len(path) - sum(path))
    chance, against, left = 1.0, p * population, population
    for step in path:
        chance *= max(0.0, (against if step else left - against)) / left
        against, left = against - step, left - 1
    return chance


def test_the_last_look_costs_little_and_an_early_one_much():
    widths = {
        looks: (found := anytime_interval(0.3, looks, 60)).high - found.low for looks in (10, 20, 40, 60)
    }
    assert list(widths.values()) == sorted(widths.values(), reverse=True)
    plain = wilson(0.3, 60)
    assert 1.1 < widths[60] / (plain.high - plain.low) < 1.4
    early = wilson(0.3, 10)
    assert widths[10] / (early.high - early.low) > 1.3


def test_a_long_queue_has_the_mixture_sequence_which_never_errs_more_than_it_says():
    """A look after every label of 500, at two rates; with replacement and of a population of 1,500."""
    rng = np.random.default_rng(4)
    planned = LONGEST + 100
    for p in (0.1, 0.4):
        found = [
            anytime_interval(rng.binomial(looks, p) / looks, looks, planned)
            for looks in range(20, planned, 40)
        ]
        assert all(one.low <= p <= one.high for one in found)
    wide, narrow = anytime_interval(0.3, 450, 500), anytime_interval(0.3, 450, 500, 600)
    assert narrow.high - narrow.low < 0.6 * (wide.high - wide.low)
