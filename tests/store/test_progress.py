"""Markers, metrics, and the summary."""

import math

from store.records import StageMarker


def test_a_stage_is_marked_once_and_its_first_marker_stands(run):
    assert run.marker(1, "judge") is None
    first = StageMarker(round=1, stage="judge", seconds=1 / 3, counts={"verdicts": 10, "by": {"a": [1.5]}})
    run.mark(first)
    run.mark(StageMarker(round=1, stage="judge", seconds=9.0))
    assert run.marker(1, "judge") == first
    assert run.marker(2, "judge") is None


def test_markers_come_by_round_and_stage(run):
    made = [StageMarker(round=r, stage=s, seconds=0.5) for r, s in ((2, "sample"), (1, "train"), (1, "gate"))]
    for marker in made:
        run.mark(marker)
    assert run.markers() == [made[2], made[1], made[0]]


def test_metrics_come_by_step_and_name_and_floats_exactly(run):
    rows = [(20, "loss", 0.1 + 0.2), (3, "reward", -5e-324), (3, "loss", math.inf), (1, "kl", -math.inf)]
    run.add_metrics(1, "train", rows)
    assert run.metrics(1, "train") == [rows[3], rows[2], rows[1], rows[0]]
    assert run.metrics(2, "train") == run.metrics(1, "gate") == []


def test_a_metric_that_is_not_a_number_comes_back_as_such(run):
    run.add_metrics(1, "train", [(1, "loss", math.nan)])
    [(step, name, value)] = run.metrics(1, "train")
    assert (step, name) == (1, "loss")
    assert math.isnan(value)


def test_a_metric_given_again_replaces_the_first(run):
    run.add_metrics(1, "train", [(1, "loss", 0.9), (2, "loss", 0.8)])
    run.add_metrics(1, "train", [(2, "loss", 0.7), (3, "loss", 0.6)])
    assert run.metrics(1, "train") == [(1, "loss", 0.9), (2, "loss", 0.7), (3, "loss", 0.6)]
