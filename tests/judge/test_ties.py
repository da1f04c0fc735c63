"""Ties are modelled: planted strengths are found again, and nothing depends on names, order or sides."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judge.ranks.bradley_terry import bradley_terry
from judge.ranks.ranking import rank
from judge.ranks.ties import TieGame, davidson
from store.records import Comparison, Label, Sample, Verdict
from tests.answers import answered, asked, compared

PROMPT = asked("Which is better?")


def expected(strengths: list[float], ties: float) -> list[TieGame]:
    """Every two players with the very probabilities that Davidson's model gives them."""
    games = []
    for i, j in combinations(range(len(strengths)), 2):
        weights = np.exp([strengths[i], strengths[j], 0.5 * (strengths[i] + strengths[j])]) * [1, 1, ties]
        first, _, tie = weights / weights.sum()
        games.append((i, j, float(first + tie / 2), float(tie)))
    return games


soft_games = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.floats(0, 1), st.floats(0, 1), st.booleans()).map(
        # p_first holds half of the tie, so it lies between that and its complement.
        lambda g: (g[0], g[1], g[3] / 2 + g[2] * (1 - g[3]), g[3] if g[4] else None)
    ),
    min_size=1,
    max_size=12,
).map(lambda games: [game for game in games if game[0] != game[1]] or [(0, 1, 0.5, 0.5)])


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=6), st.floats(0.05, 5))
@settings(deadline=None, max_examples=25)
def test_planted_strengths_and_ties_are_found_again(strengths: list[float], ties: float) -> None:
    found = davidson(len(strengths), expected(strengths, ties) * 400, prior=1e-6)
    assert found.strengths == pytest.approx(np.array(strengths) - np.mean(strengths), abs=0.02)
    assert found.ties == pytest.approx(ties, rel=0.1)


@given(soft_games, st.permutations(range(5)), st.randoms())
@settings(deadline=None, max_examples=40)
def test_names_order_and_sides_do_not_matter(games: list[TieGame], names: list[int], rng: object) -> None:
    base = davidson(5, games)
    shuffled = list(games)
    rng.shuffle(shuffled)
    assert np.array_equal(davidson(5, shuffled).strengths, base.strengths)
    turned = davidson(5, [(j, i, 1 - p, tie) for i, j, p, tie in games])
    assert turned.strengths == pytest.approx(base.strengths, abs=1e-7)
    renamed = davidson(5, [(names[i], names[j], p, tie) for i, j, p, tie in games])
    assert renamed.strengths[names] == pytest.approx(base.strengths, abs=1e-7)


@given(soft_games)
@settings(deadline=None, max_examples=50)
def test_games_that_could_not_tie_are_bradley_terry_games(games: list[TieGame]) -> None:
    found = davidson(5, [(i, j, p, None) for i, j, p, _ in games])
    assert found.strengths == pytest.approx(bradley_terry(5, [game[:3] for game in games]), abs=1e-6)


def test_certain_wins_and_nothing_but_ties_stay_finite() -> None:
    assert np.all(np.isfinite(davidson(3, [(0, 1, 1.0, 0.0), (1, 2, 1.0, 0.0)]).strengths))
    assert davidson(3, [(0, 1, 0.5, 1.0), (1, 2, 0.5, 1.0)]).strengths == pytest.approx([0.0] * 3, abs=1e-9)


def test_a_sure_tie_tells_more_than_a_torn_judge() -> None:
    """Players 1 and 2 both lose to 0; the judge is sure that 0 and 3 tie, or torn between them."""
    lost = [(0, 1, 0.95, 0.02), (0, 2, 0.95, 0.02), (3, 1, 0.7, 0.05)]
    sure = davidson(4, [*lost, (0, 3, 0.5, 0.98)]).strengths
    torn = davidson(4, [*lost, (0, 3, 0.5, 0.02)]).strengths
    assert abs(sure[0] - sure[3]) != pytest.approx(abs(torn[0] - torn[3]), abs=1e-3)


def sample(index: int) -> Sample:
    return answered(PROMPT, index, f"answer {index}")


def judged(first: Sample, second: Sample, p_first: float, p_tie: float | None) -> tuple[Comparison, Verdict]:
    comparison = compared(PROMPT, first, second, "con")
    return comparison, Verdict(
        comparison_id=comparison.id,
        judge="test",
        template="t",
        constitution="con",
        p_first=p_first,
        p_tie=p_tie,
    )


def label(comparison: Comparison, value: str) -> Label:
    return Label(
        item_id="item",
        comparison_id=comparison.id,
        value=value,
        reviewer="ann",
        lane="random",
        inclusion_probability=0.5,
    )


def test_a_ranking_models_ties_where_the_judge_may_call_them_and_only_there() -> None:
    one, two, three = sample(0), sample(1), sample(2)
    games = [(one, two, 0.9, 0.1), (two, three, 0.5, 0.9), (one, three, 0.8, 0.2)]
    tied = rank([one, two, three], [judged(*game) for game in games])
    forced = rank([one, two, three], [judged(first, second, p, None) for first, second, p, _ in games])
    assert tied is not None
    assert forced is not None
    modelled = davidson(3, [(0, 1, 0.9, 0.1), (1, 2, 0.5, 0.9), (0, 2, 0.8, 0.2)]).strengths
    assert tied.scores == pytest.approx(sorted(modelled, reverse=True))
    halved = bradley_terry(3, [(0, 1, 0.9), (1, 2, 0.5), (0, 2, 0.8)])
    assert forced.scores == pytest.approx(sorted(halved, reverse=True))


def test_a_label_that_prefers_neither_is_a_tie() -> None:
    one, two, three = sample(0), sample(1), sample(2)
    said = [judged(one, two, 0.95, 0.05), judged(two, three, 0.9, 0.02)]
    found = rank([one, two, three], said, [label(said[1][0], "same")])
    assert found is not None
    expected = davidson(3, [(0, 1, 0.95, 0.05), (1, 2, 0.5, 1.0)]).strengths
    assert dict(zip(found.samples, found.scores, strict=True))[three.id] == pytest.approx(expected[2])
