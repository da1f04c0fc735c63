"""The interval of a share, against published figures."""

import pytest

from judge.wilson import wilson


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    # Newcombe (1998), Two-sided confidence intervals for the single proportion, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_bounds_are_those_published(count: int, n: int, low: float, high: float) -> None:
    found = wilson(count / n, n)
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_both_ends_are_reached_and_never_passed() -> None:
    assert wilson(0.0, 7).low == 0.0 < wilson(0.0, 7).high < 0.4
    assert wilson(1.0, 7).high == 1.0 > wilson(1.0, 7).low > 0.6


def test_more_cases_and_less_confidence_narrow_it() -> None:
    widths = [
        found.high - found.low for found in (wilson(0.3, 30), wilson(0.3, 45.5), wilson(0.3, 45.5, 0.8))
    ]
    assert widths == sorted(widths, reverse=True)
