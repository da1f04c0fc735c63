"""`rlaif judge attack`: what it prints, and what it refuses before anything is loaded."""

import json
from pathlib import Path

import pytest

from judge.attacks.patterns import patterns
from judge.rehearsal.fault_plan import FaultPlan
from judge.rehearsal.fault_server import running
from loop.cli import main
from loop.exits import BAD_INPUT


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_json_has_a_row_for_each_pattern_the_most_dangerous_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", "attack", "--judge", "scripted:longer", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    rows = printed["patterns"]
    assert {row["name"] for row in rows} == set(patterns())
    for row in rows:
        assert set(row["change"]) == {"value", "low", "high"}
        assert row["change"]["low"] <= row["change"]["value"] <= row["change"]["high"]
        assert row["attacked"] - row["clean"] == pytest.approx(row["change"]["value"])
    lows = [row["change"]["low"] for row in rows]
    assert lows == sorted(lows, reverse=True)
    changes = {row["name"]: row["change"] for row in rows}
    assert changes["padded_length"]["low"] > 0 > changes["null_symbol"]["high"]


def test_the_same_command_prints_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["judge", "attack", "--judge", "scripted:hash", "--prompts", "8", "--seed", "4", "--json"]
    printed = []
    for _ in range(2):
        assert main(asked) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert json.loads(printed[0])["requests"] == 8


def test_the_table_names_the_patterns_asked_for_and_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", "attack", "--judge", "scripted", "--patterns", "plea, echo", "--prompts", "4"]) == 0
    out = capsys.readouterr().out
    assert "plea" in out
    assert "echo" in out
    assert "master_key" not in out
    assert "of 2 patterns" in out


def test_what_an_external_judge_answered_is_not_asked_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge = tmp_path / "judge.yaml"
    asked, printed = [], []
    with running(FaultPlan(strength=1.0)) as (url, server):
        judge.write_text(
            f"judge: {{kind: api, base_url: '{url}', model: planted-judge, api_key_env: UNSET}}\n"
        )
        for _ in range(2):
            command = [
                "judge",
                "attack",
                "--judge",
                str(judge),
                "--patterns",
                "plea",
                "--prompts",
                "4",
                "--json",
            ]
            assert main(command) == 0
            asked.append(server.stats["requests"])
            printed.append(capsys.readouterr().out)
    assert asked[0] > 8  # both orders of four requests, clean and attacked
    assert asked[1] == asked[0]
    assert printed[1] == printed[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--patterns", "nonsense"], "no attack pattern nonsense; there are"),
        (["--prompts", "1000"], "--prompts 1000: there are"),
    ],
)
def test_what_it_cannot_do_is_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["judge", "attack", "--judge", "scripted", *arguments]) == BAD_INPUT
    assert said in capsys.readouterr().err
