"""The ranking simulation: its judge errs as stated, and the schedules stand in the order it is told for."""

from benchmarks.ranking import SCHEDULES, measure, pair_accuracy, table


def test_the_simulated_judge_is_right_on_about_four_of_five_pairs() -> None:
    assert 0.77 < pair_accuracy(300) < 0.83


def test_a_tournament_asks_less_than_everyone_and_finds_more_than_a_knockout() -> None:
    found = {outcome.schedule: outcome for outcome in measure(60, sizes=[12])}
    assert list(found) == list(SCHEDULES)
    assert found["round robin"].comparisons == 66
    assert found["Swiss"].comparisons < 36
    assert found["random pairs"].comparisons == found["Swiss"].comparisons
    assert found["round robin"].gap > found["Swiss"].gap > found["knockout"].gap
    assert found["Swiss"].gap > found["merge sort"].gap
    lines = table(list(found.values())).splitlines()
    assert len(lines) == 2 + len(SCHEDULES)


def test_the_same_seed_gives_the_same_table() -> None:
    assert table(list(measure(5, 3, [6]))) == table(list(measure(5, 3, [6])))
