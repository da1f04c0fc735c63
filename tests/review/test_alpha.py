"""Agreement among people: alpha as published and as the package gives it, raw agreement, and with oneself."""

import krippendorff
import numpy as np
import pytest

from judge.wilson import wilson
from review.estimates.alpha import alpha_of, human_agreement, krippendorffs_alpha, raw_agreement
from store.answered import Answered
from tests.review.labelled import Labelled

VALUES = ("1", "2", "3", "4", "5")
PUBLISHED = """
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 .
"""
"""Krippendorff (2011), Computing Krippendorff's alpha-reliability, example C: four observers, twelve units."""


def counted(rows):
    """What each unit was called, and how often, from a row of answers an observer."""
    units = zip(*(row.split() for row in rows.strip().splitlines()), strict=True)
    return [{value: unit.count(value) for value in VALUES if value in unit} for unit in units]


@pytest.mark.parametrize(("ordinal", "value"), [(False, 0.743), (True, 0.815)])
def test_alpha_is_the_published_one(ordinal, value):
    found = krippendorffs_alpha(counted(PUBLISHED), VALUES, ordinal=ordinal)
    assert found.value == pytest.approx(value, abs=5e-4)
    assert found.low < found.value < found.high <= 1.0


def _random_units(rng, units=25):
    """Units of one to four answers, of which most are what the unit is."""
    found = []
    for _ in range(units):
        own, said = rng.integers(0, 4), rng.integers(0, 4, rng.integers(1, 5))
        counts = np.bincount(np.where(rng.random(len(said)) < 0.6, own, said), minlength=4)
        found.append({VALUES[place]: int(count) for place, count in enumerate(counts) if count})
    return found


def _package(units, ordinal):
    counts = np.array([[unit.get(value, 0) for value in VALUES[:4]] for unit in units])
    return krippendorff.alpha(value_counts=counts, level_of_measurement="ordinal" if ordinal else "nominal")


@pytest.mark.parametrize("ordinal", [False, True])
def test_the_resamples_alphas_are_the_packages(ordinal):
    rng = np.random.default_rng(0)
    for _ in range(10):
        counts = np.array(
            [[unit.get(value, 0) for value in VALUES[:4]] for unit in _random_units(rng)], float
        )
        counts = counts[counts.sum(axis=1) > 1]
        pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(4)
        seen = (pairs / (counts.sum(axis=1) - 1)[:, None, None]).sum(axis=0)
        expected = krippendorff.alpha(
            value_counts=counts.astype(int), level_of_measurement="ordinal" if ordinal else "nominal"
        )
        assert alpha_of(seen[None], ordinal)[0] == pytest.approx(expected)


@pytest.mark.parametrize("ordinal", [False, True])
def test_the_interval_is_the_bootstrap_over_comparisons(ordinal):
    rng = np.random.default_rng(5)
    units = [unit for unit in _random_units(rng, 60) if sum(unit.values()) > 1]
    found = krippendorffs_alpha(units, VALUES[:4], ordinal=ordinal)
    assert found.value == pytest.approx(_package(units, ordinal))
    slowly = [
        _package([units[i] for i in rng.integers(0, len(units), len(units))], ordinal) for _ in range(600)
    ]
    assert found.low == pytest.approx(np.quantile(slowly, 0.025), abs=0.04)
    assert found.high == pytest.approx(np.quantile(slowly, 0.975), abs=0.04)


def test_alpha_is_not_defined_without_two_answers_or_where_all_are_alike():
    assert krippendorffs_alpha([{"1": 1}, {"2": 1}], VALUES, ordinal=False) is None
    assert krippendorffs_alpha([{"1": 2}, {"1": 3}], VALUES, ordinal=False) is None
    assert krippendorffs_alpha([], VALUES, ordinal=False) is None


def test_agreeing_throughout_is_one_and_chance_is_near_zero():
    full = krippendorffs_alpha([{"1": 2}, {"2": 2}] * 10, VALUES, ordinal=False)
    assert (full.value, full.high) == (1.0, 1.0)
    coins = np.random.default_rng(8).integers(0, 2, (400, 2))
    units = [{"1": int(2 - sum(two)), "2": int(sum(two))} for two in coins]
    found = krippendorffs_alpha(units, VALUES, ordinal=False)
    assert found.low < 0 < found.high


def test_people_are_compared_by_side_and_by_step_on_what_several_labelled(store):
    made = Labelled(store)
    said = [
        {"ada": "better", "bob": "much_better"},  # one side, two steps
        {"ada": "same", "bob": "both_bad"},  # no side twice, and yet not one thing
        {"ada": "worse", "bob": "better", "cyd": "worse"},
        {"ada": "worse", "bob": "worse"},
        {"ada": "better"},  # nobody else
    ]
    for answers in said:
        item = made.item(0.8, overlap=3)
        for reviewer, value in answers.items():
            made.say(item, value, reviewer)
    targeted = made.item(0.8, lane="targeted", inclusion_probability=1.0, overlap=2)
    made.say(targeted, "better", "ada")
    made.say(targeted, "worse", "bob")
    found = human_agreement(Answered(made.run.database, made.run.name).answers())
    assert (found.comparisons, found.labels, found.reviewers) == (4, 9, 3)
    # Pairs: 1 of 1, 1 of 1, 1 of 3, 1 of 1; and the interval counts comparisons.
    assert (found.raw.pairs, found.raw.rate) == (6, wilson(4 / 6, 4))
    sides = [["f", "n", "s", "s"], ["f", "b", "f", "s"], [None, None, "s", None]]
    codes = {"f": 0, "s": 1, "n": 2, "b": 3, None: np.nan}
    table = [[codes[side] for side in row] for row in sides]
    assert found.side.value == pytest.approx(krippendorff.alpha(table, level_of_measurement="nominal"))
    steps = [[3, 2, 1, 1], [4, np.nan, 3, 1], [np.nan, np.nan, 1, np.nan]]
    assert found.steps.value == pytest.approx(
        krippendorff.alpha(steps, value_domain=[0, 1, 2, 3, 4], level_of_measurement="ordinal")
    )


def test_raw_agreement_over_nothing_is_no_rate():
    assert raw_agreement([]).rate is None
    assert raw_agreement([(0, 0)]).pairs == 0
