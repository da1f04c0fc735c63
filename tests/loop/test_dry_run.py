"""`rlaif run --dry-run`: everything is told, and nothing is made, asked or spent."""

import json
from pathlib import Path
from typing import Any

import pytest

from loop.cli import main


def dry_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *arguments: str, **judge: Any
) -> dict[str, Any]:
    tree = {
        "output": str(tmp_path / "runs"),
        "rounds": 4,
        "prompts": {"source": "starter", "max_train": 30, "max_heldout": 20},
        "policy": {"model": "starter"},
        "sampler": {"k": 4},
        "gate": {"patience": 2},
        "judge": judge,
    }
    path = tmp_path / "run.yaml"
    path.write_text(json.dumps(tree))
    assert main(["run", str(path), "--dry-run", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_dry_run_tells_calls_tokens_and_cost_by_stage_round_and_run_and_makes_nothing(tmp_path, capsys):
    # Nobody listens there, and no key is set: neither is needed.
    told = dry_run(tmp_path, capsys, kind="api", model="gpt-4.1-mini")
    assert told["stages"]["judge"]["calls"]["expected"] == 30 * 6 * 2
    assert told["stages"]["gate"]["calls"]["expected"] == 20 * 2
    assert told["stages"]["canaries"]["calls"]["expected"] == 12 * 2 * 2
    calls, cost = told["round"]["calls"], told["round"]["cost_usd"]
    assert calls["expected"] == 360 + 40 + 48
    assert 0 < cost["low"] < cost["expected"] < cost["high"]
    assert told["run"]["calls"] == {
        "low": 2 * calls["low"], "expected": 4 * calls["expected"], "high": 4 * calls["high"],
    }  # fmt: skip
    assert told["run"]["cost_usd"]["expected"] == pytest.approx(4 * cost["expected"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.yaml"]


def test_fewer_rounds_cost_less(tmp_path, capsys):
    told = dry_run(tmp_path, capsys, "--rounds", "1", kind="api", model="gpt-4.1-mini")
    assert told["rounds"] == 1
    assert told["run"] == told["round"]


def test_a_price_that_is_not_known_is_said(tmp_path, capsys):
    told = dry_run(tmp_path, capsys, kind="api", model="mystery")
    assert told["run"]["cost_usd"] is None
    assert told["run"]["calls"]["expected"] > 0
    assert main(["run", str(tmp_path / "run.yaml"), "--dry-run"]) == 0
    assert "price not known" in capsys.readouterr().out


@pytest.mark.parametrize("judge", [{"kind": "scripted"}, {"template": "starter", "constitution": "starter"}])
def test_a_judge_that_is_not_paid_is_forecast_too(tmp_path, capsys, judge):
    told = dry_run(tmp_path, capsys, **judge)
    assert told["run"]["cost_usd"] == {"low": 0.0, "expected": 0.0, "high": 0.0}
    assert told["run"]["calls"]["expected"] > 0


def test_a_bad_configuration_is_refused_as_without_it(tmp_path, capsys):
    path = tmp_path / "run.yaml"
    path.write_text("prompts: {source: nowhere.jsonl}\npolicy: {model: starter}\n")
    assert main(["run", str(path), "--dry-run"]) == 2
    assert "nowhere.jsonl" in capsys.readouterr().err
