"""Verdicts become rankings: exact on a perfect judge, and indifferent to the order of the data."""

import random
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from judge.ranks.bradley_terry import bradley_terry
from judge.ranks.ranking import cycle_rate, flip_rate, rank, round_robin
from store.records import Comparison, Label, Preference, Sample, Verdict
from tests.answers import answered, asked
from tests.answers import compared as of_prompt

PROMPT = asked("Which day follows Monday?")


def sample(index: int, text: str | None = None) -> Sample:
    return answered(PROMPT, index, f"answer {index}" if text is None else text)


def compared(first: Sample, second: Sample) -> Comparison:
    return of_prompt(PROMPT, first, second, "con")


def verdict(comparison: Comparison, p_first: float | None) -> Verdict:
    return Verdict(
        comparison_id=comparison.id,
        judge="test",
        template="t",
        constitution="con",
        p_first=p_first,
        unscored="no answer" if p_first is None else None,
    )


def label(comparison: Comparison, value: str, *, reviewer: str = "ann", revision: int = 0) -> Label:
    return Label(
        item_id=f"item-{comparison.id}",
        comparison_id=comparison.id,
        value=value,
        reviewer=reviewer,
        lane="random",
        inclusion_probability=0.5,
        revision=revision,
    )


def game(first: Sample, second: Sample, p_first: float | None) -> tuple[Comparison, Verdict]:
    comparison = compared(first, second)
    return comparison, verdict(comparison, p_first)


def test_a_round_robin_pairs_every_two_different_texts_once() -> None:
    samples = [sample(0), sample(1), sample(2, "answer 0"), sample(3)]
    comparisons = round_robin(PROMPT, samples, "con", 1, "train")
    assert [(c.first.index, c.second.index) for c in comparisons] == [(0, 1), (0, 3), (1, 3)]
    assert {(c.round, c.purpose, c.constitution) for c in comparisons} == {(1, "train", "con")}


def test_a_round_robin_does_not_depend_on_the_order_of_the_samples() -> None:
    samples = [sample(i) for i in range(5)]
    shuffled = random.Random(0).sample(samples, 5)
    assert round_robin(PROMPT, shuffled, "con", 1, "train") == round_robin(PROMPT, samples, "con", 1, "train")


def test_the_strengths_maximize_the_penalized_likelihood() -> None:
    rng = np.random.default_rng(3)
    games = [(i, j, float(rng.random())) for i, j in combinations(range(6), 2)]

    def loss(s: np.ndarray) -> float:
        gaps = np.array([s[i] - s[j] for i, j, _ in games])
        p = np.array([g[2] for g in games])
        return float(np.sum(np.logaddexp(0, gaps) - p * gaps) + 0.05 * s @ s)

    reference = minimize(loss, np.zeros(6), method="BFGS", options={"gtol": 1e-9}).x
    np.testing.assert_allclose(bradley_terry(6, games, prior=0.1), reference, atol=1e-5)


def test_a_clean_sweep_stays_finite() -> None:
    strengths = bradley_terry(8, [(i, j, 1.0) for i, j in combinations(range(8), 2)])
    assert np.all(np.isfinite(strengths))
    assert np.all(np.diff(strengths) < 0)


@given(
    probabilities=st.lists(st.floats(0, 1), min_size=6, max_size=6),
    permutation=st.permutations(range(4)),
    order=st.permutations(range(6)),
)
def test_renaming_the_samples_renames_the_ranking_and_nothing_else(
    probabilities: list[float], permutation: list[int], order: list[int]
) -> None:
    pairs = list(combinations(range(4), 2))
    games = [(i, j, p) for (i, j), p in zip(pairs, probabilities, strict=True)]
    renamed = [(permutation[i], permutation[j], p) for i, j, p in (games[n] for n in order)]
    np.testing.assert_allclose(
        bradley_terry(4, renamed)[list(permutation)], bradley_terry(4, games), atol=1e-7
    )


@given(probabilities=st.lists(st.floats(0, 1), min_size=6, max_size=6), order=st.permutations(range(6)))
def test_the_order_in_which_verdicts_arrive_changes_not_one_bit(
    probabilities: list[float], order: list[int]
) -> None:
    samples = [sample(i) for i in range(4)]
    judged = [game(a, b, p) for (a, b), p in zip(combinations(samples, 2), probabilities, strict=True)]
    assert rank(samples, [judged[n] for n in order]) == rank(samples, judged)


@given(
    probabilities=st.lists(st.floats(0, 1), min_size=6, max_size=6),
    which=st.integers(0, 5),
    raised=st.floats(0, 1),
)
def test_winning_more_never_lowers_a_strength(probabilities: list[float], which: int, raised: float) -> None:
    pairs = list(combinations(range(4), 2))
    games = [(i, j, p) for (i, j), p in zip(pairs, probabilities, strict=True)]
    i, j, p = games[which]
    better = [*games[:which], (i, j, max(p, raised)), *games[which + 1 :]]
    before, after = bradley_terry(4, games), bradley_terry(4, better)
    assert after[i] >= before[i] - 1e-7
    assert after[j] <= before[j] + 1e-7


@given(probability=st.floats(0, 1))
def test_turning_a_game_round_says_the_same(probability: float) -> None:
    np.testing.assert_allclose(
        bradley_terry(2, [(0, 1, probability)]), bradley_terry(2, [(1, 0, 1 - probability)]), atol=1e-9
    )


def test_identical_texts_share_a_strength() -> None:
    a, b, twin = sample(0, "right"), sample(1, "wrong"), sample(2, "right")
    preference = rank([a, b, twin], [game(a, b, 0.9)])
    assert preference is not None
    assert preference.samples == (a.id, twin.id, b.id)
    assert preference.scores[0] == preference.scores[1] > preference.scores[2]


def test_an_unscored_verdict_is_neither_a_win_nor_a_tie() -> None:
    a, b, c = (sample(i) for i in range(3))
    scored = [game(a, b, 0.9), game(b, c, 0.8)]
    with_failure = rank([a, b, c], [*scored, game(a, c, None)])
    without = rank([a, b, c], scored)
    with_tie = rank([a, b, c], [*scored, game(a, c, 0.5)])
    assert with_failure == without
    assert with_tie is not None
    assert without is not None
    assert with_tie.scores != without.scores


def test_without_information_there_is_no_ranking() -> None:
    a, b = sample(0), sample(1)
    assert rank([a, b], []) is None
    assert rank([a, b], [game(a, b, None)]) is None


def test_a_label_overrides_the_verdict_on_its_comparison() -> None:
    a, b = sample(0), sample(1)
    judged = [game(a, b, 0.99)]
    preference = rank([a, b], judged, [label(judged[0][0], "worse")])
    assert preference is not None
    assert preference.samples == (b.id, a.id)
    assert preference.verdict_ids == ()
    assert len(preference.label_ids) == 1


def test_a_label_scores_what_the_judge_could_not() -> None:
    a, b = sample(0), sample(1)
    judged = [game(a, b, None)]
    preference = rank([a, b], judged, [label(judged[0][0], "much_worse")])
    assert preference is not None
    assert preference.samples[0] == b.id


@pytest.mark.parametrize("value", ["same", "both_bad"])
def test_a_label_without_a_preference_ties_the_two(value: str) -> None:
    a, b = sample(0), sample(1)
    judged = [game(a, b, 0.99)]
    preference = rank([a, b], judged, [label(judged[0][0], value)])
    assert preference is not None
    assert preference.scores == (0.0, 0.0)


def test_a_reviewers_last_revision_stands_and_reviewers_count_their_mean() -> None:
    a, b = sample(0), sample(1)
    judged = [game(a, b, 0.99)]
    comparison = judged[0][0]
    revised = [label(comparison, "worse", revision=1), label(comparison, "better", revision=0)]
    preference = rank([a, b], judged, revised)
    assert preference is not None
    assert preference.samples[0] == b.id
    disagreeing = rank([a, b], judged, [*revised, label(comparison, "better", reviewer="bob")])
    assert disagreeing is not None
    assert disagreeing.scores == (0.0, 0.0)


def test_a_comparison_of_a_foreign_sample_is_refused() -> None:
    a, b, foreign = (sample(i) for i in range(3))
    with pytest.raises(ValueError, match=foreign.id):
        rank([a, b], [game(a, foreign, 0.9)])


def test_a_cycle_is_seen_and_a_tie_is_none() -> None:
    a, b, c = (sample(i) for i in range(3))

    def cyclic(p_last: float) -> bool:
        preference = rank([a, b, c], [game(a, b, 0.8), game(b, c, 0.8), game(c, a, p_last)])
        assert preference is not None
        return preference.cycle

    assert cyclic(0.7)
    assert not cyclic(0.5)
    assert not cyclic(0.3)


def test_the_cycle_rate_leaves_out_rankings_of_two() -> None:
    def preference(size: int, *, cycle: bool) -> Preference:
        ids = tuple(f"s{n}" for n in range(size))
        return Preference(
            prompt_id="p", round=1, samples=ids, scores=(0.0,) * size, cycle=cycle, verdict_ids=()
        )

    assert (
        cycle_rate([preference(3, cycle=True), preference(4, cycle=False), preference(2, cycle=False)]) == 0.5
    )
    assert cycle_rate([preference(2, cycle=False)]) is None


def test_the_flip_rate_counts_scored_verdicts_with_both_orders() -> None:
    comparison = compared(sample(0), sample(1))

    def ordered(first: float | None, second: float | None, p: float | None = 0.5) -> Verdict:
        fields = verdict(comparison, p).model_dump(exclude={"id"})
        return Verdict(**fields | {"p_first_shown_first": first, "p_first_shown_second": second})

    flipped, steady = ordered(0.9, 0.2), ordered(0.9, 0.8)
    one_order, failed, undecided = ordered(0.9, None), ordered(0.9, 0.2, None), ordered(0.5, 0.2)
    assert flip_rate([flipped, steady, one_order, failed, undecided]) == pytest.approx(1 / 3)
    assert flip_rate([one_order, failed]) is None


@settings(max_examples=25, deadline=None)
@given(k=st.integers(2, 8), seed=st.integers(0, 2**31))
def test_a_perfect_hesitant_judge_is_ranked_exactly(k: int, seed: int) -> None:
    rng = random.Random(seed)
    samples = [sample(i) for i in rng.sample(range(100), k)]
    worth = {s.id: rank_ for rank_, s in enumerate(rng.sample(samples, k))}
    judged = [
        game(c.first, c.second, 0.6 if worth[c.first.id] > worth[c.second.id] else 0.4)
        for c in round_robin(PROMPT, samples, "con", 1, "train")
    ]
    preference = rank(samples, judged)
    assert preference is not None
    assert [worth[s] for s in preference.samples] == list(range(k - 1, -1, -1))
    assert not preference.cycle
