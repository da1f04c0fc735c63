"""Ratings of a league: planted strengths are found again, whatever the games' order and the policies' places."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judge.ranks.league import ELO, league

Game = tuple[str, int, int, float]


def played(elo: list[float], prompts: int = 300, noise: float = 0.0, seed: int = 3) -> list[Game]:
    """Everyone against everyone on every prompt, with the very odds of these ratings, or noisy ones."""
    rng = np.random.default_rng(seed)
    return [
        (
            f"prompt {n}",
            i,
            j,
            float(1 / (1 + np.exp(-(elo[i] - elo[j]) / ELO - noise * rng.normal()))),
        )
        for n in range(prompts)
        for i, j in combinations(range(len(elo)), 2)
    ]


@given(st.lists(st.floats(-400, 400), min_size=1, max_size=5))
@settings(deadline=None, max_examples=25)
def test_planted_ratings_are_found_again(gains: list[float]) -> None:
    elo = [0.0, *gains]
    found = league([f"rev_{n}" for n in range(len(elo))], played(elo), resamples=20)
    assert [rating.elo.value for rating in found.ratings] == pytest.approx(elo, abs=3)
    assert found.ratings[0].elo.model_dump() == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert found.games == 300 * len(elo) * (len(elo) - 1) / 2


def test_intervals_hold_the_planted_ratings_and_narrow_with_prompts() -> None:
    elo = [0.0, 60.0, 20.0, -80.0]
    wide = league(list("abcd"), played(elo, 60, noise=0.3), resamples=400)
    narrow = league(list("abcd"), played(elo, 600, noise=0.3), resamples=400)
    for one, other, true in zip(wide.ratings[1:], narrow.ratings[1:], elo[1:], strict=True):
        assert one.elo.low < true < one.elo.high
        assert other.elo.high - other.elo.low < one.elo.high - one.elo.low


@given(st.permutations(range(4)), st.randoms())
@settings(deadline=None, max_examples=20)
def test_order_places_and_sides_do_not_matter(places: list[int], rng: object) -> None:
    games = played([0.0, 60.0, 20.0, -80.0], 40, noise=1.0)
    base = league(list("abcd"), games, resamples=50)
    shuffled = list(games)
    rng.shuffle(shuffled)
    assert league(list("abcd"), shuffled, resamples=50) == base
    moved = league(
        ["abcd"[places.index(n)] for n in range(4)],
        [(prompt, places[j], places[i], 1 - p) for prompt, i, j, p in games],
        resamples=50,
    )
    named = {rating.policy: rating.elo.value for rating in moved.ratings}
    for rating in base.ratings:
        assert named[rating.policy] - named["a"] == pytest.approx(rating.elo.value, abs=1e-5)


def test_a_circle_of_win_rates_shows_in_the_rates_and_not_in_the_ratings() -> None:
    circle = [(f"p{n}", i, j, 0.7) for n in range(50) for i, j in ((0, 1), (1, 2), (2, 0))]
    found = league(list("abc"), circle, resamples=50)
    assert [rating.elo.value for rating in found.ratings] == pytest.approx([0, 0, 0], abs=1e-6)
    rate = found.rates[1][0]
    assert rate is not None
    assert rate.value == pytest.approx(0.3)
    assert found.rates[0][0] is None


def test_a_policy_that_loses_everything_has_a_rating_and_one_that_never_met_another_a_gap() -> None:
    found = league(list("abc"), [("p1", 1, 0, 0.0), ("p2", 1, 0, 0.0), ("p1", 2, 0, 0.5)], resamples=20)
    assert -2000 < found.ratings[1].elo.value < -200
    assert found.rates[1][2] is None
