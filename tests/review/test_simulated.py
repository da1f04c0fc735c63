"""The simulated reviewer: the answer key with a stated error rate, and never mistaken for a person."""

import pytest

from review.draw import draw
from review.simulated import SIMULATED, SimulatedReviewer


def _length(_prompt, answer):
    return float(len(answer))


def _values(reviewer, judged):
    items = draw(judged, len(judged), 0, 1, 1, "gate")
    by_id = {comparison.id: comparison for comparison, _ in judged}
    return {item.comparison_id: reviewer.label(item, by_id[item.comparison_id]).value for item in items}


def test_without_errors_it_says_what_the_key_says(make_judged):
    judged = make_judged([0.5] * 3, [("long one", "short"), ("no", "longer"), ("same", "even")])
    values = _values(SimulatedReviewer(_length, 0.0, 3), judged)
    assert [values[comparison.id] for comparison, _ in judged] == ["better", "worse", "same"]


@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_it_is_wrong_at_the_stated_rate(make_judged, rate):
    judged = make_judged([0.5] * 2000, [("the better one", "worse")] * 2000)
    values = _values(SimulatedReviewer(_length, rate, 3), judged)
    wrong = sum(value != "better" for value in values.values()) / 2000
    assert wrong == pytest.approx(rate, abs=4 * (rate * (1 - rate) / 2000) ** 0.5)


def test_an_error_on_equal_answers_takes_either_side(make_judged):
    judged = make_judged([0.5] * 400, [("abc", "cba")] * 400)
    values = list(_values(SimulatedReviewer(_length, 0.5, 3), judged).values())
    assert min(values.count("same") / 2, values.count("better"), values.count("worse")) > 60


def test_the_same_queue_gets_the_same_labels_again_and_adds_none_twice(make_judged, fill):
    judged = make_judged([0.4] * 30)
    run = fill(judged)
    items = draw(judged, 20, 0, 5, 1, "gate")
    run.add_review_items(items)
    reviewer = SimulatedReviewer(_length, 0.2, 3)
    assert reviewer.answer(run, items[:8]) == 8
    assert reviewer.answer(run, items) == 12
    assert reviewer.answer(run, items) == 0
    assert {label.reviewer for label in run.labels(1)} == {SIMULATED}
