"""An external judge whose quality, bias and confidence are planted: the evaluation finds them, and pays once."""

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest

from judge.rehearsal.fault_plan import FaultPlan
from judge.rehearsal.fault_server import running
from loop.cli import main

ROWS = 400


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """People prefer by the odds of the planted qualities; the longer answer is as good as any."""
    rng = random.Random(11)
    rows = []
    for number in range(ROWS):
        qualities = [round(rng.gauss(0.0, 1.0), 2) for _ in range(2)]
        first, second = (f"{'word ' * rng.randrange(1, 20)}quality={quality}" for quality in qualities)
        preferred = rng.random() < 1 / (1 + math.exp(qualities[1] - qualities[0]))
        rows.append(
            {
                "prompt": f"Question {number}?",
                "first": first,
                "second": second,
                "label": "first" if preferred else "second",
            }
        )
    path = tmp_path / "labelled.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def measured(capsys: pytest.CaptureFixture[str], data: Path, url: str) -> dict[str, Any]:
    judge = data.with_name("judge.yaml")
    judge.write_text(
        f"judge: {{kind: api, base_url: '{url}', model: planted-judge, api_key_env: UNSET, concurrency: 32}}\n",
        encoding="utf-8",
    )
    assert (
        main(["judge", "eval", str(data), "--judge", str(judge), "--json", "--output", str(data.parent)]) == 0
    )
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_planted_confidence_and_position_bias_are_found_and_paid_for_once(
    capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    # Three times as sure as people are, and a unit of logit for the slot shown first.
    with running(FaultPlan(strength=3.0, position_bias=1.0)) as (url, server):
        found = measured(capsys, data, url)
        asked = server.stats["requests"]
        again = measured(capsys, data, url)
        asked_again = server.stats["requests"]
    assert found["scored"] == ROWS
    assert found["temperature"] == pytest.approx(3.0, rel=0.3)
    assert found["ece_calibrated"] < found["ece"] - 0.05
    # The bias of one unit decides where the qualities differ by less than a third of one.
    undone = sum(
        abs(row[0] - row[1]) < 1 / 3
        for row in (
            [float(answer.partition("quality=")[2]) for answer in (r["first"], r["second"])]
            for r in map(json.loads, data.read_text(encoding="utf-8").splitlines())
        )
    )
    assert found["flip_rate"] == pytest.approx(undone / ROWS, abs=0.01)
    assert found["first_slot_rate"] == pytest.approx(0.5 + undone / ROWS / 2, abs=0.01)
    assert (found["cost_usd"], found["calls"]) == (None, 2 * ROWS)  # a planted judge has no price
    assert asked_again == asked  # every answer was kept
    assert again["accuracy"] == found["accuracy"]


def test_a_planted_liking_for_length_stands_beside_peoples(
    capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    with running(FaultPlan(strength=1.0, length_bias=2.0)) as (url, _):
        found = measured(capsys, data, url)
    assert found["longer_rate"] > 0.75
    assert 0.4 < found["human_longer_rate"] < 0.6
    assert found["flip_rate"] == 0.0
