"""The judge's win rate: what is counted, and that its interval covers as often as it says."""

import numpy as np
import pytest

from judge.interval import Interval
from judge.ranks.wins import win_rate
from store.records import Comparison, Verdict
from tests.answers import answered, asked, compared


def judged(prompt: str, p_first: float | None, index: int = 0) -> tuple[Comparison, Verdict]:
    question = asked(prompt, split="heldout")
    candidate, incumbent = (
        answered(question, index, policy, policy=policy, purpose="gate")
        for policy in ("candidate", "incumbent")
    )
    comparison = compared(question, candidate, incumbent, "con")
    return comparison, Verdict(
        comparison_id=comparison.id,
        judge="test",
        template="t",
        constitution="con",
        p_first=p_first,
        unscored="no answer" if p_first is None else None,
    )


def test_the_value_is_the_mean_soft_verdict() -> None:
    interval = win_rate([judged("a", 0.9), judged("b", 0.7), judged("c", 0.2)])
    assert interval is not None
    assert interval.value == pytest.approx(0.6)
    assert interval.low < 0.6 < interval.high


def test_an_unscored_verdict_is_left_out_and_not_half_a_win() -> None:
    scored = [judged("a", 1.0), judged("b", 1.0)]
    assert win_rate([*scored, judged("c", None)]) == win_rate(scored)


@pytest.mark.parametrize("identical", [2, {"x": 1, "y": 1}])
def test_identical_answers_count_one_half(identical: int | dict[str, int]) -> None:
    interval = win_rate([judged("a", 1.0), judged("b", 1.0)], identical=identical)
    assert interval is not None
    assert interval.value == pytest.approx(0.75)


def test_identical_answers_alone_are_a_certain_half() -> None:
    assert win_rate([], identical=3) == Interval(value=0.5, low=0.5, high=0.5)


def test_nothing_scored_gives_no_win_rate() -> None:
    assert win_rate([]) is None
    assert win_rate([judged("a", None)]) is None


def test_one_prompt_says_nothing_of_the_spread() -> None:
    interval = win_rate([judged("a", 0.75, 0), judged("a", 0.5, 1)])
    assert interval == Interval(value=0.625, low=0.0, high=1.0)


def test_comparisons_of_one_prompt_are_one_observation() -> None:
    rng = np.random.default_rng(0)
    outcomes = (rng.random(60) < 0.6).astype(float)
    single = win_rate([judged(f"p{n}", p) for n, p in enumerate(outcomes)])
    repeated = win_rate([judged(f"p{n}", p, index) for n, p in enumerate(outcomes) for index in range(8)])
    assert single is not None
    assert repeated is not None
    assert repeated.high - repeated.low == pytest.approx(single.high - single.low)


def test_the_order_of_the_verdicts_changes_nothing() -> None:
    verdicts = [judged(f"p{n}", n / 40) for n in range(40)]
    assert win_rate(verdicts) == win_rate(verdicts[::-1])


def test_the_seed_decides_the_resamples() -> None:
    verdicts = [judged(f"p{n}", n / 40) for n in range(40)]
    assert win_rate(verdicts, seed=1) == win_rate(verdicts, seed=1)
    assert win_rate(verdicts, seed=1) != win_rate(verdicts, seed=2)


def test_the_one_sided_bound_is_nearer_and_leaves_the_top_open() -> None:
    verdicts = [judged(f"p{n}", n / 40) for n in range(40)]
    both, lower = win_rate(verdicts), win_rate(verdicts, side="lower")
    assert both is not None
    assert lower is not None
    assert both.low < lower.low < lower.value < lower.high == 1.0


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    covered = one_sided = 0
    for trial in range(200):
        # Clusters: comparisons of a prompt share its difficulty, and half of the prompts have three.
        worth = rng.beta(3, 2, size=80)
        verdicts = [
            judged(f"p{n}", float(rng.random() < p), index)
            for n, p in enumerate(worth)
            for index in range(1 + 2 * (n % 2))
        ]
        both = win_rate(verdicts, resamples=400, seed=trial)
        lower = win_rate(verdicts, resamples=400, seed=trial, side="lower")
        assert both is not None
        assert lower is not None
        covered += both.low <= 0.6 <= both.high
        one_sided += lower.low <= 0.6
    assert 0.90 <= covered / 200 <= 0.99
    assert 0.90 <= one_sided / 200 <= 0.99


def test_an_interval_must_contain_its_value() -> None:
    with pytest.raises(ValueError, match="low <= value <= high"):
        Interval(value=0.2, low=0.3, high=0.4)
    assert Interval(value=0.6, low=0.51, high=0.7).above(0.5)
    assert not Interval(value=0.6, low=0.5, high=0.7).above(0.5)
