"""The label-corrected win rate, case by case; `test_estimate_simulation` has the long run."""

from datetime import UTC, datetime

import numpy as np
import pytest

from review.draw import draw
from review.errors import ReviewError
from review.estimates.sampled import Sampled
from review.estimates.win_rate import prediction_powered, prediction_powered_by_parts, win_rate_of
from store.answered import Answer, Drawn


def _answer(item, value, reviewer="ada"):
    return Answer(
        item_id=item.id,
        comparison_id=item.comparison_id,
        prompt_id=item.comparison_id,
        reviewer=reviewer,
        value=value,
        marks={},
        swapped=False,
        seconds=None,
        created_at=datetime.now(UTC),
        source="queue",
        round=item.round,
        purpose=item.purpose,
        lane=item.lane,
        inclusion_probability=item.inclusion_probability,
        stratum=item.stratum,
        repeat_of=None,
    )


DRAWN = [Drawn("random", "", 0.5, 20), Drawn("targeted", "", 1.0, 10)]


@pytest.fixture
def judged(make_judged):
    return make_judged([0.8] * 30 + [0.3] * 10)


@pytest.fixture
def scores(judged):
    return [(comparison.id, verdict.p_first) for comparison, verdict in judged]


@pytest.fixture
def items(judged):
    return draw(judged, 20, 10, 3, 1, "gate")


def _by_lane(items, lane):
    return [item for item in items if item.lane == lane]


def test_labels_on_other_comparisons_are_refused(scores, items):
    with pytest.raises(ReviewError, match="not being estimated"):
        win_rate_of([_answer(item, "better") for item in items], DRAWN, scores[:5], 0)


def test_without_a_random_label_there_is_no_estimate(scores, items):
    assert win_rate_of([], DRAWN, scores, 10) is None
    targeted = [_answer(item, "better") for item in _by_lane(items, "targeted")]
    assert win_rate_of(targeted, DRAWN, scores, 10) is None


def test_two_reviewers_of_one_comparison_are_one_label(scores, items):
    lane = _by_lane(items, "random")
    once = win_rate_of([_answer(item, "better") for item in lane], DRAWN, scores, 0)
    twice = [_answer(item, "better", name) for item in lane for name in ("ada", "bob")]
    assert win_rate_of(twice, DRAWN, scores, 0) == once
    split = [_answer(lane[0], "better"), _answer(lane[0], "worse", "bob")]
    assert win_rate_of(split, DRAWN, scores, 0).value == pytest.approx(0.5, abs=0.2)


def test_identical_answers_count_one_half_without_a_label(scores, items):
    labels = [
        _answer(item, "better" if i % 3 else "worse") for i, item in enumerate(_by_lane(items, "random"))
    ]
    alone, beside = win_rate_of(labels, DRAWN, scores, 0), win_rate_of(labels, DRAWN, scores, 40)
    assert beside.value - 0.5 == pytest.approx((alone.value - 0.5) / 2)
    assert beside.judge_only - 0.5 == pytest.approx((alone.judge_only - 0.5) / 2)
    # The test against one half is hardly touched: distance and error shrink together.
    assert (beside.value - beside.lower) / (alone.value - alone.lower) == pytest.approx(0.5, abs=0.03)
    assert (alone.labels, alone.differing, beside.identical) == (20, 40, 40)


def test_labels_that_follow_the_judge_give_nearly_the_judges_own_answer():
    rng = np.random.default_rng(0)
    f = (rng.random(400) < 0.7).astype(float)
    found = prediction_powered(f[:40], f[:40], f)
    assert found.tuning == pytest.approx(f[:40].var(ddof=1) / f.var())
    assert found.value == pytest.approx(f.mean(), abs=0.01)
    labels_only = prediction_powered(f[:40], np.full(40, 0.5), np.full(400, 0.5))
    assert labels_only.tuning == 0.0
    assert labels_only.value == pytest.approx(f[:40].mean())
    assert found.high - found.low < 0.7 * (labels_only.high - labels_only.low)


def test_a_judge_that_is_wrong_throughout_gets_a_negative_weight():
    rng = np.random.default_rng(1)
    truth = (rng.random(300) < 0.3).astype(float)
    found = prediction_powered(truth[:60], 1 - truth[:60], 1 - truth)
    assert found.judge_only == pytest.approx(0.7, abs=0.06)
    assert found.tuning < -0.8
    assert found.high < 0.4


@pytest.mark.parametrize("n", [1, 2, 3, 5, 60])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_unanimous_labels_never_give_an_interval_of_no_width(n, value):
    found = prediction_powered(np.full(n, value), np.linspace(0.2, 0.8, n), np.linspace(0.2, 0.8, 100))
    assert found.high - found.low > 0.02
    assert found.low <= found.lower <= found.value <= found.high
    assert n >= 5 or found.lower < 0.5 < found.high


def test_the_value_and_the_width_are_those_of_the_reference_package():
    """Figures of ppi-python 0.2.3, `ppi_mean_pointestimate` and `ppi_mean_ci` at this λ, in its own terms."""
    place = np.arange(200)
    f = np.round(0.5 + 0.45 * np.sin(1.7 * place + 0.3), 3)
    y = (f + 0.35 * np.cos(2.9 * place) > 0.5).astype(float)
    y[::11] = 0.5
    found = prediction_powered(y[::5], f[::5], f)
    assert found.tuning * 160 / 200 == pytest.approx(0.8181511331790616)
    assert found.value == pytest.approx(0.52669255, abs=5e-9)
    # Ours is wider by the win and the loss that are added, and by Student's t.
    assert found.high - found.low == pytest.approx(0.64410111 - 0.40928399, rel=0.06)
    assert found.high - found.low > 0.64410111 - 0.40928399


def test_one_part_with_equal_chances_is_the_plain_estimate():
    rng = np.random.default_rng(3)
    f = rng.random(400)
    y = (rng.random(400) < f).astype(float)
    sample = _sample(y[:80], np.full(80, 0.2), np.zeros(80, dtype=np.int64), [400.0])
    plain, parts = prediction_powered(y[:80], f[:80], f), prediction_powered_by_parts(sample, f[:80], f)
    assert parts.value == pytest.approx(plain.value, abs=0.003)
    assert parts.high - parts.low == pytest.approx(plain.high - plain.low, rel=0.02)


@pytest.mark.parametrize("wanted", [(40, 20), (30, 30)])
def test_parts_that_were_drawn_more_densely_do_not_move_the_estimate(wanted):
    """Two thousand rounds: more labels where people prefer the candidate, fewer where they do not."""
    rng = np.random.default_rng(11)
    truth = 0.3 * 0.8 + 0.7 * 0.3
    stratum = np.repeat([0, 1], wanted)
    probability = np.array([wanted[0] / 300, wanted[1] / 700])[stratum]
    found, pooled = [], []
    for _ in range(2000):
        wins = np.r_[rng.random(300) < 0.8, rng.random(700) < 0.3].astype(float)
        f = np.clip(0.35 * wins + 0.65 * rng.random(1000), 0, 1)
        drawn = np.r_[rng.permutation(300)[: wanted[0]], 300 + rng.permutation(700)[: wanted[1]]]
        sample = _sample(wins[drawn], probability, stratum, [300.0, 700.0])
        found.append(prediction_powered_by_parts(sample, f[drawn], f))
        pooled.append(prediction_powered(wins[drawn], f[drawn], f))
    assert np.mean([one.value for one in found]) == pytest.approx(truth, abs=0.01)
    assert 0.93 <= np.mean([one.low <= truth <= one.high for one in found]) <= 0.97
    assert np.mean([one.lower > truth for one in found]) <= 0.055
    assert np.mean([one.low <= truth <= one.high for one in pooled]) < 0.92


def _sample(people, probability, stratum, population):
    n = len(people)
    return Sampled(
        ids=tuple(map(str, range(n))),
        against=np.full(n, np.nan),
        people=people,
        scored=np.ones(n, dtype=bool),
        probability=probability,
        stratum=stratum,
        prompt=np.arange(n),
        labels=np.ones(n, dtype=np.int64),
        both_bad=np.zeros(n, dtype=bool),
        tied=np.zeros(n, dtype=bool),
        strata=tuple(map(str, range(len(population)))),
        drawn=np.bincount(stratum),
        population=np.array(population),
    )


def test_labelling_everything_leaves_only_the_chance_of_the_prompts():
    rng = np.random.default_rng(2)
    y = (rng.random(200) < 0.6).astype(float)
    found = prediction_powered(y, rng.random(200), rng.random(200))
    reach = 1.96 * (0.6 * 0.4 / 200) ** 0.5
    assert found.high - found.low == pytest.approx(2 * reach, rel=0.05)


def test_the_estimate_does_not_depend_on_the_order_of_verdicts_or_labels(scores, items):
    labels = [_answer(item, "better" if i % 3 else "same") for i, item in enumerate(items)]
    assert win_rate_of(labels, DRAWN, scores, 7) == win_rate_of(labels[::-1], DRAWN, scores[::-1], 7)
