"""Evaluations and calibrations come back exactly, oldest first, and a calibration is found by its beginning."""

from datetime import UTC, datetime, timedelta

import pytest

from store import Store
from store.errors import NotFound
from store.evaluations import Evaluations
from store.records import Calibration, Evaluation

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def calibration(judge: str, minutes: int) -> Calibration:
    return Calibration(
        judge=judge,
        temperature=1.5 + minutes,
        by_principle={"kind": 2.25},
        labels=40,
        source="test",
        figures={"ece": 0.125, "ece_calibrated": None},
        created_at=NOW + timedelta(minutes=minutes),
    )


def test_evaluations_come_back_exactly_and_once(store: Store) -> None:
    kept = Evaluations(store.database)
    made = [
        Evaluation(
            judge=f"judge {n}\0", choice="c", template="t", constitution="c", data="d", data_hash="h",
            figures={"accuracy": {"value": 1 / 3}, "kappa": None}, created_at=NOW - timedelta(hours=n),
        )
        for n in range(2)
    ]  # fmt: skip
    for one in [*made, made[0]]:
        kept.add(one)
    assert kept.all() == made[::-1]


def test_calibrations_are_found_by_judge_and_by_beginning(store: Store) -> None:
    kept = Evaluations(store.database)
    old, new, other = calibration("a", 1), calibration("a", 2), calibration("b", 0)
    for one in (new, old, other, old):
        kept.add_calibration(one)
    assert kept.calibrations("a") == [old, new]
    assert kept.calibrations() == [other, old, new]
    assert kept.calibration(old.id[:12]) == old
    with pytest.raises(NotFound, match="several calibrations"):
        kept.calibration("cal_")
    with pytest.raises(NotFound, match="no calibration that begins with 'cal_zz'"):
        kept.calibration("cal_zz")
