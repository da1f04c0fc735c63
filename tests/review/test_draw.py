"""The review queue's draw: random where it says random, the same under the same seed, and open about its odds."""

import random
from collections import Counter

import pytest
from scipy.stats import chisquare

from review.draw import draw


def _draw(judged, n_random=5, n_targeted=3, seed=7):
    return draw(judged, n_random, n_targeted, seed, 1, "gate")


@pytest.fixture
def judged(make_judged):
    return make_judged([i / 40 for i in range(40)])


def test_the_draw_is_a_function_of_the_seed_and_not_of_the_order(judged):
    shuffled = judged[:]
    random.Random(0).shuffle(shuffled)
    assert _draw(judged) == _draw(shuffled)
    assert _draw(judged) != _draw(judged, seed=8)


def test_the_inclusion_probability_and_the_seed_are_kept_with_each_item(judged):
    items = _draw(judged)
    assert {item.inclusion_probability for item in items if item.lane == "random"} == {5 / 40}
    assert {item.seed for item in items} == {7}
    assert [item.position for item in items] == list(range(8))


def test_the_targeted_lane_takes_the_nearest_to_one_half_that_chance_left(judged):
    items = _draw(judged)
    doubt = {comparison.id: abs(verdict.p_first - 0.5) for comparison, verdict in judged}
    chance = {item.comparison_id for item in items if item.lane == "random"}
    picked = [item.comparison_id for item in items if item.lane == "targeted"]
    left = sorted(d for comparison_id, d in doubt.items() if comparison_id not in chance)
    assert [doubt[comparison_id] for comparison_id in picked] == left[:3]


def test_a_panel_that_is_torn_is_uncertain_even_where_its_mean_is_not(make_judged):
    judged = make_judged([0.5 + i / 100 for i in range(1, 31)])
    comparison, verdict = judged[-1]
    judged[-1] = (comparison, verdict.model_copy(update={"disagreement": 1.0}))
    picked = [item.comparison_id for item in _draw(judged, n_random=0, n_targeted=2)]
    assert picked == [comparison.id, judged[0][0].id]


def test_an_unscored_comparison_is_drawn_at_random_but_is_never_uncertain(make_judged):
    judged = make_judged([None] * 10 + [0.9] * 2)
    items = _draw(judged, n_random=10, n_targeted=10)
    unscored = {comparison.id for comparison, verdict in judged if verdict.unscored}
    assert any(item.comparison_id in unscored for item in items if item.lane == "random")
    assert not any(item.comparison_id in unscored for item in items if item.lane == "targeted")


def test_everything_is_drawn_once_where_more_is_asked_for_than_there_is(judged):
    items = _draw(judged, n_random=100, n_targeted=100)
    assert len(items) == len({item.comparison_id for item in items}) == 40
    assert {item.inclusion_probability for item in items} == {1.0}


def test_nothing_to_draw_from_gives_an_empty_queue():
    assert _draw([]) == []


def test_each_comparison_is_as_likely_as_any_other_also_when_the_queue_is_left_half_answered(judged):
    drawn, answered = Counter(), Counter()
    for seed in range(2000):
        lane = [item.comparison_id for item in _draw(judged, n_random=10, n_targeted=0, seed=seed)]
        drawn.update(lane)
        answered.update(lane[:4])
    assert len(drawn) == 40
    assert chisquare(list(drawn.values())).pvalue > 0.001
    assert chisquare(list(answered.values())).pvalue > 0.001
