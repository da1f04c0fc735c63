"""Temperatures: learned back where they were planted, honest out of fold, and applied without a change of side."""

import math

import numpy as np
import pytest

from judge.errors import JudgeError
from judge.measure.calibration import (
    HIGHEST,
    apply_calibration,
    calibrate,
    cross_validated,
    fit_temperature,
    principle_temperatures,
)
from judge.measure.confidence import calibration_error, reliability
from store.records import Calibration, Comparison, Part, Verdict
from tests.answers import answered, asked, compared


def planted(temperature: float, rows: int = 4000, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are too sure by `temperature`, and what people say."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 2.0, rows)
    better = (rng.random(rows) < 1 / (1 + np.exp(-logits))).astype(float)
    return 1 / (1 + np.exp(-logits * temperature)), better


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_planted_temperature_is_learned_back(temperature: float) -> None:
    p, better = planted(temperature)
    found = fit_temperature(p, better)
    assert found == pytest.approx(temperature, rel=0.1)
    assert calibration_error(calibrate(p, found), better) < 0.03


def test_a_coin_gets_the_highest_temperature() -> None:
    rng = np.random.default_rng(2)
    p, better = rng.choice([0.1, 0.9], 400), rng.integers(0, 2, 400).astype(float)
    flipped = np.where(better > 0.5, 0.2, 0.8)  # always wrong: no temperature mends that
    assert fit_temperature(flipped, better) == pytest.approx(HIGHEST, rel=1e-3)
    assert fit_temperature(p, better) > 5


def test_calibrating_never_changes_the_preferred_side() -> None:
    p = np.array([0.0, 0.01, 0.3, 0.5, 0.7, 1.0])
    for temperature in (0.05, 1.0, 30.0):
        assert np.array_equal(np.sign(calibrate(p, temperature) - 0.5), np.sign(p - 0.5))
    assert calibrate(np.array([0.8]), 2.0)[0] == pytest.approx(2 / 3)  # logit(0.8) = 2 · ln 2


def test_no_labels_make_no_temperature() -> None:
    with pytest.raises(JudgeError, match="needs labels"):
        fit_temperature(np.array([]), np.array([]))


def test_cross_validation_keeps_a_prompt_in_one_fold() -> None:
    """With labels copied within prompts, a fit that saw its own prompt would flatter itself."""
    p, better = planted(2.0, rows=50)
    prompts = [f"P{n}" for n in range(50)]
    once = cross_validated(p, better, prompts)
    twice = cross_validated(np.tile(p, 2), np.tile(better, 2), prompts * 2)
    assert once is not None
    assert twice is not None
    assert twice[:50] == pytest.approx(once, abs=1e-3)
    assert twice[50:] == pytest.approx(once, abs=1e-3)


def test_too_few_labels_or_one_prompt_are_not_cross_validated() -> None:
    p, better = planted(2.0, rows=30)
    assert cross_validated(p[:19], better[:19], [f"P{n}" for n in range(19)]) is None
    assert cross_validated(p, better, ["P"] * 30) is None
    assert cross_validated(np.array([]), np.array([]), []) is None


def test_a_confidence_on_an_edge_is_in_the_bin_above_it() -> None:
    bins = reliability(np.array([0.6, 0.4, 0.55, 1.0]), np.array([1.0, 1.0, 1.0, 1.0]))
    assert [(b.low, b.high, b.n) for b in bins] == [(0.55, 0.6, 1), (0.6, 0.65, 2), (0.95, 1.0, 1)]
    assert bins[1].accuracy.value == 0.5


def _judged(verdict_fields: dict[str, object]) -> tuple[Comparison, Verdict]:
    prompt = asked("Q")
    comparison = compared(prompt, *(answered(prompt, n, str(n)) for n in range(2)))
    fields = {
        "comparison_id": comparison.id,
        "judge": "j",
        "template": "t",
        "constitution": "c",
        **verdict_fields,
    }
    return comparison, Verdict.model_validate(fields)


def calibration(**by_principle: float) -> Calibration:
    return Calibration(judge="j", temperature=2.0, by_principle=by_principle, labels=40, source="test")


def test_a_calibration_changes_what_is_used_and_not_what_it_is_filed_under() -> None:
    judged = _judged({"p_first": 0.8})
    ((_, used),) = apply_calibration([judged], calibration())
    assert used.p_first == pytest.approx(2 / 3)
    assert (used.id, used.comparison_id) == (judged[1].id, judged[1].comparison_id)
    assert judged[1].p_first == 0.8
    assert apply_calibration([judged], None) == [judged]


def test_an_unscored_verdict_stays_unscored() -> None:
    judged = _judged({"unscored": "too long"})
    assert apply_calibration([judged], calibration()) == [judged]


def test_a_verdict_by_one_principle_has_that_principles_temperature() -> None:
    alone = _judged({"p_first": 0.8, "by_principle": {"kind": Part(p_first=0.8)}})
    several = _judged(
        {"p_first": 0.8, "by_principle": {"kind": Part(p_first=0.8), "true": Part(p_first=0.8)}}
    )
    found = [v.p_first for _, v in apply_calibration([alone, several], calibration(kind=1.0))]
    assert found == [pytest.approx(0.8), pytest.approx(2 / 3)]


def test_a_tie_never_takes_more_than_both_sides_leave() -> None:
    sure = Calibration(judge="j", temperature=0.2, labels=40, source="test")
    ((_, used),) = apply_calibration([_judged({"p_first": 0.9, "p_tie": 0.2})], sure)
    assert used.p_first is not None
    assert used.p_tie == pytest.approx(2 * (1 - used.p_first))


def test_a_principle_needs_twenty_labels_for_a_temperature_of_its_own() -> None:
    def said(principle: str, count: int, right: int) -> list[tuple[Verdict, float]]:
        part = {principle: Part(p_first=0.8)}
        return [(_judged({"p_first": 0.6, "by_principle": part})[1], float(n < right)) for n in range(count)]

    found = principle_temperatures([*said("kind", 30, 20), *said("true", 19, 19)])
    assert found == {"kind": pytest.approx(math.log(4) / math.log(2), rel=1e-3)}
