"""Audited agreement and the label-corrected win rate, case by case; `test_estimate_simulation` has the long run."""

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from review.draw import draw
from review.errors import ReviewError, UnequalInclusion
from review.estimates.agreement import audit_agreement
from review.estimates.win_rate import corrected_win_rate, prediction_powered
from store.records import Label


def _label(item, value, reviewer="ada", revision=0):
    return Label(
        item_id=item.id,
        comparison_id=item.comparison_id,
        value=value,
        reviewer=reviewer,
        lane=item.lane,
        inclusion_probability=item.inclusion_probability,
        revision=revision,
    )


@pytest.fixture
def judged(make_judged):
    return make_judged([0.8] * 30 + [0.3] * 10)


@pytest.fixture
def items(judged):
    return draw(judged, 20, 10, 3, 1, "gate")


def _by_lane(items, lane):
    return [item for item in items if item.lane == lane]


def test_agreement_counts_the_random_lane_with_a_wilson_interval(judged, items):
    p = {comparison.id: verdict.p_first for comparison, verdict in judged}
    values = []
    for number, item in enumerate(_by_lane(items, "random")):
        judge_likes_first = p[item.comparison_id] > 0.5
        values.append(_label(item, "better" if judge_likes_first == (number >= 4) else "much_worse"))
    values += [_label(item, "worse") for item in _by_lane(items, "targeted")]
    audit = audit_agreement(judged, values)
    low, high = proportion_confint(16, 20, method="wilson")
    assert (audit.labels, audit.agreed, audit.undecided) == (20, 16, 0)
    assert (audit.agreement.value, audit.agreement.low, audit.agreement.high) == pytest.approx(
        (0.8, low, high)
    )


def test_same_and_both_bad_are_neither_agreement_nor_disagreement(judged, items):
    lane = _by_lane(items, "random")
    labels = [_label(lane[0], "same"), _label(lane[1], "both_bad"), _label(lane[2], "better")]
    audit = audit_agreement(judged, labels)
    assert (audit.labels, audit.undecided, audit.agreement.value in (0.0, 1.0)) == (3, 2, True)
    assert audit_agreement(judged, labels[:2]).agreement is None
    assert audit_agreement(judged, []).labels == 0


def test_an_unscored_comparison_is_not_in_the_audit(make_judged):
    judged = make_judged([None, None, 0.9])
    labels = [_label(item, "better") for item in draw(judged, 3, 0, 1, 1, "gate")]
    assert audit_agreement(judged, labels).labels == 1


@pytest.mark.parametrize("share", [0, 20])
def test_unanimous_agreement_keeps_an_interval_of_some_width(judged, items, share):
    lane = _by_lane(items, "random")
    p = {comparison.id: verdict.p_first for comparison, verdict in judged}
    labels = [
        _label(item, "better" if (p[item.comparison_id] > 0.5) == (number < share) else "worse")
        for number, item in enumerate(lane)
    ]
    agreement = audit_agreement(judged, labels).agreement
    assert agreement.value == share / 20
    assert 0.1 < agreement.high - agreement.low < 0.2


def test_a_revision_replaces_and_two_reviewers_count_their_mean(judged, items):
    item = next(
        i for i in _by_lane(items, "random") if {c.id: v.p_first for c, v in judged}[i.comparison_id] > 0.5
    )
    changed = [_label(item, "worse"), _label(item, "better", revision=1)]
    assert audit_agreement(judged, changed).agreed == 1
    assert audit_agreement(judged, reversed(changed)).agreed == 1
    split = [_label(item, "worse"), _label(item, "better", reviewer="bob")]
    assert audit_agreement(judged, split).undecided == 1


def test_labels_of_two_draws_are_not_pooled(judged, items):
    other = draw(judged, 5, 0, 9, 2, "gate")
    labels = [_label(item, "better") for item in [*_by_lane(items, "random"), *other]]
    with pytest.raises(UnequalInclusion, match=r"0\.125 to 0\.5"):
        audit_agreement(judged, labels)
    with pytest.raises(UnequalInclusion):
        corrected_win_rate(judged, labels, 0)


def test_labels_on_other_comparisons_are_refused(judged, items):
    with pytest.raises(ReviewError, match="not being estimated"):
        corrected_win_rate(judged[:5], [_label(item, "better") for item in items], 0)


def test_without_a_random_label_there_is_no_estimate(judged, items):
    assert corrected_win_rate(judged, [], 10) is None
    assert corrected_win_rate(judged, [_label(i, "better") for i in _by_lane(items, "targeted")], 10) is None


def test_identical_answers_count_one_half_without_a_label(judged, items):
    labels = [
        _label(item, "better" if i % 4 else "worse") for i, item in enumerate(_by_lane(items, "random"))
    ]
    alone, beside = corrected_win_rate(judged, labels, 0), corrected_win_rate(judged, labels, 40)
    assert beside.value - 0.5 == pytest.approx((alone.value - 0.5) / 2)
    assert beside.judge_only - 0.5 == pytest.approx((alone.judge_only - 0.5) / 2)
    # The test against one half is hardly touched: distance and error shrink together.
    assert (beside.lower - 0.5) / (alone.lower - 0.5) == pytest.approx(0.5, abs=0.05)
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


def test_labelling_everything_leaves_only_the_chance_of_the_prompts():
    rng = np.random.default_rng(2)
    y = (rng.random(200) < 0.6).astype(float)
    found = prediction_powered(y, rng.random(200), rng.random(200))
    reach = 1.96 * (0.6 * 0.4 / 200) ** 0.5
    assert found.high - found.low == pytest.approx(2 * reach, rel=0.05)


def test_the_estimate_does_not_depend_on_the_order_of_verdicts_or_labels(judged, items):
    labels = [_label(item, "better" if i % 3 else "same") for i, item in enumerate(items)]
    assert corrected_win_rate(judged, labels, 7) == corrected_win_rate(judged[::-1], labels[::-1], 7)
