"""The win rate at equal length: the plain one where length tells nothing, and less where length was all."""

from collections.abc import Callable

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from judge.ranks.length_control import length_controlled_win_rate
from judge.ranks.wins import win_rate
from store.records import Comparison, Verdict
from tests.answers import answered, asked, compared

Game = tuple[float, int, int]


def judged(games: list[Game]) -> list[tuple[Comparison, Verdict]]:
    """A prompt for each (p_first, tokens of the first, tokens of the second)."""
    found = []
    for number, (p_first, *lengths) in enumerate(games):
        prompt = asked(f"Question {number}?", split="heldout")
        first, second = (
            answered(prompt, 0, f"answer {side}", policy=f"rev_{side}", purpose="gate", tokens=tokens)
            for side, tokens in enumerate(lengths)
        )
        comparison = compared(prompt, first, second)
        verdict = Verdict(
            comparison_id=comparison.id, judge="j", template="t", constitution="c", p_first=p_first
        )
        found.append((comparison, verdict))
    return found


def planted(quality: float, length_bias: float, longer: Callable[[np.random.Generator], float]) -> list[Game]:
    """Soft preferences of a judge with this logit for the first answer and this one for a standard length more."""
    rng = np.random.default_rng(5)
    more = np.array([round(longer(rng)) for _ in range(600)])
    logit = quality + length_bias * np.tanh(more / more.std()) + rng.normal(0, 0.5, 600)
    return [(float(1 / (1 + np.exp(-z))), 60 + int(d), 60) for z, d in zip(logit, more, strict=True)]


def test_a_judge_of_length_alone_finds_no_better_answers() -> None:
    games = planted(0.0, 1.5, lambda rng: rng.normal(10, 12))
    plain, controlled = win_rate(judged(games)), length_controlled_win_rate(judged(games), resamples=300)
    assert plain is not None
    assert controlled is not None
    assert plain.low > 0.6
    assert controlled.low < 0.5 < controlled.high
    assert controlled.high - controlled.low < 0.1


def test_planted_quality_is_found_beneath_the_length() -> None:
    controlled = length_controlled_win_rate(
        judged(planted(0.6, 1.0, lambda rng: rng.normal(-8, 12))), resamples=300
    )
    assert controlled is not None
    assert controlled.value == pytest.approx(1 / (1 + np.exp(-0.6)), abs=0.03)
    assert controlled.low < 1 / (1 + np.exp(-0.6)) < controlled.high


def test_the_fit_is_that_of_a_plain_logistic_regression() -> None:
    games = planted(0.3, 0.8, lambda rng: rng.normal(4, 9))
    more = np.array([first - second for _, first, second in games], dtype=float)
    exog = sm.add_constant(np.tanh(more / more.std()))
    fitted = sm.GLM(np.array([g[0] for g in games]), exog, family=sm.families.Binomial()).fit()
    found = length_controlled_win_rate(judged(games), resamples=100)
    assert found is not None
    assert found.value == pytest.approx(1 / (1 + np.exp(-fitted.params[0])), abs=1e-4)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.integers(0, 5))
@settings(deadline=None, max_examples=30)
def test_equal_lengths_leave_the_plain_rate(preferences: list[float], identical: int) -> None:
    games = judged([(p, 20, 20) for p in preferences])
    plain, controlled = (
        win_rate(games, identical=identical, resamples=50),
        length_controlled_win_rate(games, identical=identical, resamples=50),
    )
    assert plain is not None
    assert controlled is not None
    # The weak prior draws extremes a little towards one half.
    assert controlled.value == pytest.approx(plain.value, abs=0.03)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(1, 40), st.integers(1, 40)), min_size=3, max_size=15),
    st.randoms(),
)
@settings(deadline=None, max_examples=30)
def test_order_does_not_matter_and_turning_every_side_turns_the_rate(games: list[Game], rng: object) -> None:
    base = length_controlled_win_rate(judged(games), resamples=50)
    shuffled = judged(games)
    rng.shuffle(shuffled)
    assert length_controlled_win_rate(shuffled, resamples=50) == base
    turned = length_controlled_win_rate(judged([(1 - p, b, a) for p, a, b in games]), resamples=50)
    assert (turned is None) == (base is None)
    if base is not None and turned is not None:
        assert turned.value == pytest.approx(1 - base.value, abs=1e-6)
        assert 0 <= base.low <= base.value <= base.high <= 1


def test_length_and_quality_that_cannot_be_told_apart_have_no_rate() -> None:
    assert length_controlled_win_rate(judged([(0.9, 30, 20), (0.6, 25, 15)])) is None
    assert length_controlled_win_rate([]) is None


def test_a_perfect_separation_stays_finite() -> None:
    found = length_controlled_win_rate(judged([(1.0, 30, 20), (0.0, 20, 30), (1.0, 40, 20)]), resamples=50)
    assert found is not None
    assert 0 < found.value < 1
