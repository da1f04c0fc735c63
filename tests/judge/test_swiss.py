"""A tournament finds the ends of the field with fewer comparisons, and comes out the same however it is replayed."""

from collections.abc import Callable, Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judge.ranks.swiss import Pairing, Tournament, tournament

Say = Callable[[int, int], float | None]


def play(tour: Tournament, say: Say) -> list[tuple[Pairing, ...]]:
    """The waves until it is over."""
    waves = []
    while tour.wave:
        waves.append(tour.wave)
        tour.record({(i, j): say(i, j) for i, j in tour.wave})
    return waves


def by_merit(merits: Sequence[float], sure: float = 0.9) -> Say:
    return lambda i, j: sure if merits[i] > merits[j] else 1 - sure


def noisy(table: dict[Pairing, float]) -> Say:
    return lambda i, j: table[i, j]


tables = st.integers(1, 14).flatmap(
    lambda size: st.tuples(
        st.just(size),
        st.permutations(range(size)),
        st.lists(st.floats(0, 1), min_size=size * (size - 1) // 2, max_size=size * (size - 1) // 2),
    )
)


@given(tables, st.integers(1, 3))
@settings(deadline=None, max_examples=60)
def test_no_two_meet_twice_and_the_ends_have_met(
    drawn: tuple[int, list[int], list[float]], ends: int
) -> None:
    size, draw, chances = drawn
    table = dict(zip(combinations(range(size), 2), chances, strict=True))
    tour = Tournament(draw, ends=ends)
    waves = play(tour, noisy(table))
    met = [pairing for wave in waves for pairing in wave]
    assert len(met) == len(set(met)) <= size * (size - 1) // 2
    assert all(0 <= i < j < size for i, j in met)
    assert all(list(wave) == sorted(wave) for wave in waves)
    assert {player for pairing in met for player in pairing} == (set(range(size)) if size > 1 else set())


@given(tables)
@settings(deadline=None, max_examples=40)
def test_the_same_verdicts_bring_the_same_waves(drawn: tuple[int, list[int], list[float]]) -> None:
    size, draw, chances = drawn
    table = dict(zip(combinations(range(size), 2), chances, strict=True))
    assert play(Tournament(draw), noisy(table)) == play(Tournament(draw), noisy(table))


@given(tables, st.randoms())
@settings(deadline=None, max_examples=40)
def test_renaming_the_players_renames_the_waves(
    drawn: tuple[int, list[int], list[float]], rng: object
) -> None:
    size, draw, chances = drawn
    table = dict(zip(combinations(range(size), 2), [round(p, 3) for p in chances], strict=True))
    names = list(range(size))
    rng.shuffle(names)

    def renamed(i: int, j: int) -> float:
        one, other = names.index(i), names.index(j)
        return table[one, other] if one < other else 1 - table[other, one]

    plain = play(Tournament(draw), noisy(table))
    moved = play(Tournament([names[player] for player in draw]), renamed)
    assert [{frozenset(names[p] for p in pairing) for pairing in wave} for wave in plain] == [
        {frozenset(pairing) for pairing in wave} for wave in moved
    ]


@pytest.mark.parametrize("size", [6, 8, 12, 16])
@pytest.mark.parametrize("seed", range(5))
def test_a_judge_that_never_errs_finds_both_ends_with_fewer_comparisons(size: int, seed: int) -> None:
    texts = [f"answer {n * 7919 % 31}" for n in range(size)]
    merits = [n * 5 % size + n / 100 for n in range(size)]
    tour = tournament(texts, seed, "auto", ends=1)
    waves = play(tour, by_merit(merits))
    ranked = tour.standings()
    best, worst = merits.index(max(merits)), merits.index(min(merits))
    assert (ranked[0], ranked[-1]) == (best, worst)
    met = {pairing for wave in waves for pairing in wave}
    assert (min(best, worst), max(best, worst)) in met
    assert len(met) < size * (size - 1) // 2


@pytest.mark.parametrize(
    ("size", "schedule", "waves"), [(5, "auto", 1), (5, "swiss", 4), (9, "round_robin", 1)]
)
def test_the_schedule_says_who_plays_everyone(size: int, schedule: str, waves: int) -> None:
    played = play(tournament([str(n) for n in range(size)], 0, schedule, ends=1), by_merit(range(size)))
    if waves == 1:
        assert played == [tuple(combinations(range(size), 2))]
    else:
        assert len(played) >= waves


def test_other_seeds_draw_other_waves_and_the_order_of_texts_draws_none() -> None:
    texts = [f"answer {n}" for n in range(8)]
    assert tournament(texts, 1, "auto", 1).wave != tournament(texts, 2, "auto", 1).wave
    turned = tournament(texts[::-1], 1, "auto", 1).wave
    assert {frozenset(7 - p for p in pairing) for pairing in turned} == {
        frozenset(pairing) for pairing in tournament(texts, 1, "auto", 1).wave
    }


def test_unscored_comparisons_are_not_asked_again_and_count_for_nothing() -> None:
    tour = Tournament(range(8))
    waves = play(tour, lambda *_: None)
    met = [pairing for wave in waves for pairing in wave]
    assert len(met) == len(set(met))
    assert tour.standings() == list(range(8))


def test_a_wave_that_is_not_told_whole_is_refused() -> None:
    tour = Tournament(range(6))
    with pytest.raises(KeyError):
        tour.record(dict.fromkeys(tour.wave[1:], 0.5))
