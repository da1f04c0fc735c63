"""`rlaif judge attack`: what it prints, and what it refuses before anything is loaded."""

import json

import pytest

from judge.attacks.patterns import patterns
from loop.cli import main
from loop.exits import BAD_INPUT


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
