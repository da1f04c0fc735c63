"""What the audit's intervals claim in the long run, simulated: a 95% interval covers 93% to 97% of the time.

A world is a population of comparisons with a known rate of disagreement, and a way of drawing from it; every figure is
over 2,000 draws. The default runs hold every design at the size of a real audit; the slow ones hold all true rates and
all numbers of labels, and every look of those who peek.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from scipy.stats import hypergeom

from judge.wilson import wilson
from review.estimates.audit import anytime_disagreement
from review.estimates.rate import disagreement_rate
from review.estimates.sampled import Sampled
from review.estimates.sequence import SHAPE, anytime_interval, crossing

RATES = (0.05, 0.2, 0.31, 0.5)
LABELS = (30, 60, 120)
DRAWS = 2000
SIZE = 2400
SEED = 20_241_121


@dataclass(frozen=True)
class Draw:
    """What a design hands to the estimate, and what it should find."""

    sample: Sampled
    truth: float
    planned: int


def _sample(against, probability=None, stratum=None, prompt=None, population=(SIZE,), drawn=None) -> Sampled:
    n = len(against)
    stratum = np.zeros(n, dtype=np.int64) if stratum is None else stratum
    decided = ~np.isnan(against)
    return Sampled(
        ids=tuple(map(str, range(n))),
        against=against,
        people=np.where(decided, against, 0.5),
        scored=np.ones(n, dtype=bool),
        probability=np.full(n, n / population[0]) if probability is None else probability,
        stratum=stratum,
        prompt=np.arange(n) if prompt is None else prompt,
        labels=np.ones(n, dtype=np.int64),
        both_bad=np.zeros(n, dtype=bool),
        tied=~decided,
        strata=tuple(f"part {i}" for i in range(len(population))),
        drawn=np.bincount(stratum, minlength=len(population)) if drawn is None else drawn,
        population=np.array(population, dtype=float),
    )


def _population(rate, size, rng):
    found = np.zeros(size)
    found[: round(rate * size)] = 1.0
    return rng.permutation(found)


def plain(rate, n, rng) -> Draw:
    """A simple random sample of a large round."""
    population = _population(rate, SIZE, rng)
    return Draw(_sample(rng.permutation(population)[:n]), population.mean(), n)


def undecided(rate, n, rng) -> Draw:
    """One label in six is "same", and more often so where the judge is wrong."""
    population = _population(rate, SIZE, rng)
    tied = rng.random(SIZE) < np.where(population == 1.0, 0.3, 0.13)
    drawn = rng.permutation(SIZE)[:n]
    return Draw(_sample(np.where(tied, np.nan, population)[drawn]), population[~tied].mean(), n)


def small_round(rate, n, rng) -> Draw:
    """Two of every three comparisons of a small round: what is left of it is little."""
    size = n * 3 // 2
    population = _population(rate, size, rng)
    return Draw(_sample(rng.permutation(population)[:n], population=(size,)), population.mean(), n)


SHARES = np.array([0.4, 0.25, 0.15, 0.1, 0.06, 0.04])
RISKS = np.array([0.4, 0.8, 1.2, 2.0, 2.5, 3.0])


def _parts(rate, rng):
    sizes = np.round(SHARES * SIZE).astype(int)
    risks = rate * RISKS / (RISKS @ SHARES)
    while risks.max() > 0.95:
        over = ((risks - 0.95) * SHARES)[risks > 0.95].sum()
        risks = np.where(risks > 0.95, 0.95, risks + over / SHARES[risks <= 0.95].sum())
    return [_population(risk, size, rng) for risk, size in zip(risks, sizes, strict=True)]


def _allotted(n, sizes):
    """Half evenly and half by size, at least two of each part: the risky parts are drawn far more often."""
    wanted = np.maximum(2, np.floor(0.5 * n / len(sizes) + 0.5 * n * sizes / sizes.sum())).astype(int)
    while wanted.sum() != n:
        wanted[0] += np.sign(n - wanted.sum())
    return wanted


def _stratified(rate, n, rng, answered=1.0):
    parts = _parts(rate, rng)
    sizes = np.array([len(part) for part in parts])
    wanted = _allotted(n, sizes)
    stratum = np.repeat(np.arange(len(parts)), wanted)
    against = np.concatenate([rng.permutation(part)[:k] for part, k in zip(parts, wanted, strict=True)])
    there = rng.permutation(n)[: round(answered * n)]
    probability = (wanted / sizes)[stratum]
    sample = _sample(against[there], probability[there], stratum[there], population=sizes, drawn=wanted)
    return Draw(sample, np.concatenate(parts).mean(), n)


def stratified(rate, n, rng) -> Draw:
    """Six parts with chances from a hundredth to a fifth, riskier parts drawn more often."""
    return _stratified(rate, n, rng)


def half_answered(rate, n, rng) -> Draw:
    """The same, of twice as many, half of which nobody has answered yet."""
    return _stratified(rate, 2 * n, rng, answered=0.5)


def targeted(rate, n, rng) -> Draw:
    """Chances that differ from one comparison to the next and go with the risk; no parts."""
    size = rng.gamma(2.0, 1.0, SIZE) + 0.3
    risk = size**0.7
    risk = np.clip(risk * rate / risk.mean(), 0.0, 0.97)
    # As many as the rate says, the riskier the likelier (Efraimidis and Spirakis 2006).
    population = np.zeros(SIZE)
    population[np.argsort(np.log(rng.random(SIZE)) / risk)[SIZE - round(rate * SIZE) :]] = 1.0
    chance = n * size / size.sum()
    order = rng.permutation(SIZE)
    steps = np.cumsum(chance[order]) + rng.random()
    drawn = order[np.floor(steps).astype(int) > np.floor(np.r_[0.0, steps[:-1]]).astype(int)]
    return Draw(_sample(population[drawn], chance[drawn]), population.mean(), n)


def clustered(rate, n, rng, each=3, correlation=0.2) -> Draw:
    """Three comparisons of every prompt drawn, and prompts that are hard for the judge altogether."""
    odds = (1 - correlation) / correlation
    hard = rng.beta(rate * odds, (1 - rate) * odds, n // each)
    prompt = np.repeat(np.arange(n // each), each)
    return Draw(_sample((rng.random(len(prompt)) < hard[prompt]).astype(float), prompt=prompt), rate, n)


DESIGNS = (plain, undecided, small_round, stratified, half_answered, targeted, clustered)


def coverage(design: Callable[..., Draw], rate: float, n: int, naive: bool = False) -> float:
    """How often the interval holds the truth; `naive` is Wilson's over whatever was drawn."""
    rng = np.random.default_rng([SEED, n, round(1000 * rate)])
    hits = 0
    for _ in range(DRAWS):
        drawn = design(rate, n, rng)
        if naive:
            against = drawn.sample.against[~np.isnan(drawn.sample.against)]
            interval = wilson(against.mean(), len(against))
        else:
            interval = disagreement_rate(drawn.sample).interval
        hits += interval is None or interval.low - 1e-9 <= drawn.truth <= interval.high + 1e-9
    return hits / DRAWS


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.__name__)
def test_a_95_percent_interval_covers_93_to_97_percent_in_every_design(design):
    assert 0.93 <= coverage(design, 0.31, 60) <= 0.97


@pytest.mark.parametrize(("n", "size"), [(30, 2400), (60, 2400), (60, 400), (60, 120)], ids=lambda n: str(n))
def test_the_plain_design_covers_exactly_as_much_as_every_sample_there_is_says(n, size):
    """Not simulated: each number of disagreements in the round, with the chance of each sample of it."""
    found = [disagreement_rate(_sample(np.arange(n) < k, population=(size,))).interval for k in range(n + 1)]
    low, high = (np.array([getattr(one, side) for one in found]) for side in ("low", "high"))
    against = np.arange(1, size, max(1, size // 300))
    rates = against / size
    chances = hypergeom.pmf(np.arange(n + 1), size, against[:, None], n)
    covered = (chances * ((low - 1e-9 <= rates[:, None]) & (rates[:, None] <= high + 1e-9))).sum(axis=1)
    assert 0.945 <= covered.mean() <= 0.96
    # Counts are whole, so single rates fall to either side of it: a tenth of them, and near 0 and 1 the most.
    assert covered[(rates > 0.01) & (rates < 0.99)].min() >= 0.86
    assert np.quantile(covered, 0.1) >= 0.93


@pytest.mark.parametrize("design", [stratified, targeted, clustered], ids=lambda design: design.__name__)
def test_an_interval_that_ignores_the_design_covers_less_than_it_says(design):
    assert coverage(design, 0.31, 120, naive=True) < 0.93


@pytest.mark.slow
@pytest.mark.parametrize("n", LABELS)
@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.__name__)
def test_coverage_at_every_rate_and_number_of_labels(design, n):
    """Counts are whole, so coverage jumps with the rate: its mean over rates is held on both sides, each from below."""
    found = {rate: coverage(design, rate, n) for rate in RATES}
    # Ten prompts say so little that their interval is wider than it need be.
    assert 0.93 <= np.mean(list(found.values())) <= (0.975 if n == 30 else 0.97)
    # Where two of 45 comparisons are against the judge, a draw of 30 finds none of them once in nine.
    least = 0.88 if design is small_round else 0.93
    assert min(found.values()) >= least


@cache
def _critical(p: float, planned: int, population: float = np.inf) -> float:
    """The reach that paths of rate p exceed with probability 5% by the end; by halving."""
    low, high = 0.0, 20.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        out = crossing(np.array([p]), np.array([middle]), planned, population)[0] > 0.05
        low, high = (middle, high) if out else (low, middle)
    return high


def _reach(value, p, looks):
    return np.abs(value - p) * looks ** (1 - SHAPE) / np.sqrt(p * (1 - p))


@pytest.mark.parametrize(
    ("planned", "size"), [(40, 2400), (60, 2400), (120, 2400), (60, 120)], ids=lambda n: str(n)
)
def test_all_looks_together_cover_95_percent_and_a_plain_interval_does_not(planned, size):
    """A look after every label, from the first to the last: the sequence is wrong at *any* of them once in twenty."""
    together, plainly = [], []
    looks = np.arange(1, planned + 1)
    for rate in (0.1, 0.2, 0.31, 0.5):
        rng = np.random.default_rng([SEED, planned, size, round(100 * rate)])
        population = _population(rate, size, rng)
        p = population.mean()
        counts = np.cumsum([rng.permutation(population)[:planned] for _ in range(DRAWS)], axis=1)
        reach = _reach(counts / looks, p, looks)
        together.append((reach < _critical(p, planned, float(size))).all(axis=1).mean())
        bounds = {pair: wilson(pair[0] / pair[1], pair[1]) for pair in _seen(counts)}
        low, high = (
            np.array([[getattr(bounds[k, t], side) for t, k in enumerate(row, 1)] for row in counts])
            for side in ("low", "high")
        )
        plainly.append(((low <= p) & (p <= high)).all(axis=1).mean())
    # A true 95% shows as less than 94% of 2,000 once in 50 times, and four are tried.
    assert min(together) >= 0.94
    assert 0.945 <= np.mean(together) <= 0.97
    assert max(plainly) < 0.85


def _seen(counts):
    return {(k, t) for row in counts for t, k in enumerate(row, 1)}


@pytest.mark.parametrize("population", [np.inf, 2400.0, 90.0])
def test_a_rate_is_in_the_interval_where_paths_reach_as_far_as_the_data(population):
    rng = np.random.default_rng(3)
    for p in (0.1, 0.3, 0.5):
        limit = _critical(p, 60, population)
        for _ in range(12):
            looks = int(rng.integers(1, 61))
            value = rng.binomial(looks, p + rng.uniform(-0.1, 0.3)) / looks
            reach = _reach(value, p, looks)
            interval = anytime_interval(value, looks, 60, population)
            if abs(reach / limit - 1) > 0.02:
                assert (interval.low <= p <= interval.high) == (reach < limit)


def peeked(design: Callable[..., Draw], rate: float, n: int, draws: int, seed: int = SEED) -> float:
    """How often all looks hold the truth at once, a look after every label, in an order that chance gave."""
    rng = np.random.default_rng([seed, n, round(1000 * rate), 1])
    return float(np.mean([_always(design(rate, n, rng), rng) for _ in range(draws)]))


def _always(drawn: Draw, rng) -> bool:
    whole, p = drawn.sample, drawn.truth
    order = rng.permutation(len(whole.ids))
    for looks in range(1, len(order) + 1):
        rate = disagreement_rate(_only(whole, np.sort(order[:looks])))
        if rate.interval is None:
            continue
        reach = _reach(rate.interval.value, p, rate.effective)
        planned = int(np.ceil(len(order) * rate.effective / looks))
        if reach >= _critical(round(p, 3), max(1, planned)):
            return False
    return True


def _only(sample: Sampled, chosen) -> Sampled:
    arrays = {name: getattr(sample, name)[chosen] for name in _ARRAYS}
    return replace(sample, ids=tuple(sample.ids[i] for i in chosen), **arrays)


_ARRAYS = ("against", "people", "scored", "probability", "stratum", "prompt", "labels", "both_bad", "tied")


@pytest.mark.parametrize("design", [stratified, targeted, clustered], ids=lambda design: design.__name__)
def test_all_looks_together_cover_in_designs_that_are_not_plain(design):
    # 100 draws: a true 95% shows as less than 89% once in 200 times. The slow test takes 2,000.
    assert peeked(design, 0.31, 60, 100) >= 0.89


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.1, 0.31])
@pytest.mark.parametrize("design", [stratified, targeted, clustered], ids=lambda design: design.__name__)
def test_all_looks_together_cover_95_percent_in_every_design(design, rate):
    found = peeked(design, rate, 60, DRAWS)
    assert found >= 0.94


def test_the_audit_tells_the_same_sequence():
    drawn = stratified(0.31, 60, np.random.default_rng(5))
    half = _only(drawn.sample, np.arange(0, 60, 2))
    rate = disagreement_rate(half)
    told = anytime_disagreement(half, rate)
    scale = rate.effective / 30
    assert (told.looks, told.planned, told.method) == (30, 60, "effective")
    assert told.rate == anytime_interval(rate.interval.value, rate.effective, 60 * scale)
    assert told.rate.low < rate.interval.low < rate.interval.high < told.rate.high
