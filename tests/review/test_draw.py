"""The review queue's draw: random where it says random, the same under the same seed, and open about its odds."""

import random
from collections import Counter, defaultdict

import pytest
from scipy.stats import chisquare

from prompts.hashing import content_hash
from review.draw import Design, draw
from review.strata import allocate


def _draw(judged, n_random=5, n_targeted=3, seed=7, **design):
    return draw(judged, n_random, n_targeted, seed, 1, "gate", Design(**design))


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
    assert sorted(doubt[comparison_id] for comparison_id in picked) == left[:3]


def test_a_panel_that_is_torn_is_uncertain_even_where_its_mean_is_not(make_judged):
    judged = make_judged([0.5 + i / 100 for i in range(1, 31)])
    comparison, verdict = judged[-1]
    judged[-1] = (comparison, verdict.model_copy(update={"disagreement": 1.0}))
    picked = [item.comparison_id for item in _draw(judged, n_random=0, n_targeted=2)]
    assert set(picked) == {comparison.id, judged[0][0].id}


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


def test_the_place_in_the_queue_does_not_tell_the_lane(judged):
    places = Counter()
    for seed in range(400):
        places.update(
            item.position
            for item in _draw(judged, n_random=10, n_targeted=10, seed=seed)
            if item.lane == "random"
        )
    assert sorted(places) == list(range(20))
    assert chisquare([places[position] for position in range(20)]).pvalue > 0.001


def _of_two_kinds(make_judged, many=90, few=10):
    """Comparisons the judge is sure of, and a few that it is not."""
    return make_judged([0.95] * many + [0.55] * few)


def test_a_stratified_draw_takes_each_part_in_proportion_and_keeps_its_probability(make_judged):
    judged = _of_two_kinds(make_judged)
    sure = {comparison.id for comparison, verdict in judged if verdict.p_first > 0.9}
    for seed in range(50):
        items = _draw(judged, n_random=30, n_targeted=0, seed=seed, strata=("margin",))
        kinds = Counter(
            (item.comparison_id in sure, item.stratum, item.inclusion_probability) for item in items
        )
        assert kinds == {(True, "margin=sure", 27 / 90): 27, (False, "margin=even", 3 / 10): 3}


def test_within_its_part_each_comparison_is_as_likely_as_any_other(make_judged):
    judged = _of_two_kinds(make_judged, 30, 10)
    drawn = Counter()
    for seed in range(1500):
        drawn.update(item.comparison_id for item in _draw(judged, 12, 0, seed, strata=("margin",)))
    for p in (0.95, 0.55):
        counts = [drawn[comparison.id] for comparison, verdict in judged if verdict.p_first == p]
        assert chisquare(counts).pvalue > 0.001


def test_parts_too_small_for_two_are_merged_with_their_neighbours_first():
    parts = {("a=1", "b=1"): 50, ("a=1", "b=2"): 3, ("a=1", "b=3"): 3, ("a=2", "b=1"): 4, ("a=3", "b=1"): 40}
    strata = {f"{key}{n}": key for key, size in parts.items() for n in range(size)}
    drawn = {name: (len(members), size) for name, members, size in allocate(strata, 40)}
    assert drawn == {"a=1 b=1": (50, 20), "a=3 b=1": (40, 16), "rest": (10, 4)}
    everything = {name: (len(members), size) for name, members, size in allocate(strata, 1000)}
    assert all(members == size for members, size in everything.values())
    assert sum(size for _, size in everything.values()) == 100


@pytest.mark.parametrize("size", [1, 2, 7, 40, 99])
def test_the_parts_add_up_to_what_was_asked_for(size):
    rng = random.Random(size)
    strata = {str(n): (f"a={rng.randrange(4)}", f"b={rng.randrange(5)}") for n in range(100)}
    drawn = list(allocate(strata, size))
    assert sum(count for _, _, count in drawn) == size
    assert sorted(one for _, members, _ in drawn for one in members) == sorted(strata)
    assert len(drawn) == 1 or all(count >= 2 for _, _, count in drawn)


def test_without_strata_the_draw_is_what_it_was(judged):
    """The recorded runs stand on these very comparisons."""
    items = _draw(judged, n_random=5, n_targeted=0, seed=1)
    assert {item.stratum for item in items} == {""}
    assert sorted(item.comparison_id for item in items) == sorted(
        sorted((comparison.id for comparison, _ in judged), key=lambda one: content_hash(f"1:{one}"))[:5]
    )


def test_the_targeted_lane_goes_by_turns_and_says_why(make_judged):
    judged = make_judged(
        [0.9] * 40, [(f"fine {n}", "hidden \u200b words" if n == 7 else f"other {n}") for n in range(40)]
    )
    flips = {"p_first": 0.6, "p_first_shown_first": 0.9, "p_first_shown_second": 0.3}
    for n in range(10, 20):
        judged[n] = (judged[n][0], judged[n][1].model_copy(update=flips))
    judged[30] = (judged[30][0], judged[30][1].model_copy(update={"p_first": 0.51}))
    flags = {judged[35][0].id: ("drift:empty_rate",)}
    why = {i.comparison_id: i.reasons for i in _draw(judged, 0, 4, flags=flags)}
    assert why[judged[7][0].id] == ("attack",)
    assert why[judged[35][0].id] == ("drift:empty_rate",)
    assert why[judged[30][0].id] == ("low_confidence",)
    flipped = {judged[n][0].id for n in range(10, 20)} & why.keys()
    assert len(flipped) == 1
    assert why[flipped.pop()] == ("low_confidence", "order_flip")


def test_some_of_the_audit_goes_to_several_reviewers_and_some_comes_again(judged):
    items = _draw(judged, 20, 5, overlap=3, overlap_share=0.25, repeats=0.2)
    by_lane = defaultdict(list)
    for item in items:
        by_lane[item.lane].append(item)
    assert Counter(item.overlap for item in by_lane["random"]) == {1: 15, 3: 5}
    assert {item.overlap for item in by_lane["targeted"]} == {1}
    again = {item.repeat_of for item in by_lane["repeat"]}
    assert len(by_lane["repeat"]) == len(again) == 4
    originals = {item.id: item for item in by_lane["random"]}
    for item in by_lane["repeat"]:
        assert (item.comparison_id, item.overlap) == (
            originals[item.repeat_of].comparison_id, originals[item.repeat_of].overlap
        )  # fmt: skip
    assert min(item.position for item in by_lane["repeat"]) > 24
