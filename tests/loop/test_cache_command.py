"""`rlaif cache`: what it tells, what it drops, and what it refuses."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from loop.cli import main
from loop.commands.cache import read_age, read_size, size
from store import Store
from store.judge_calls import JudgeCalls, PaidCall


@pytest.fixture
def output(tmp_path: Path) -> Path:
    with Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as store:
        JudgeCalls(store.database).add(
            "run", [PaidCall(key, "http://here/v1", "m", b"{}", cost_usd=0.25) for key in "abc"]
        )
    return tmp_path


def test_stats_tell_what_is_kept(output: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["cache", "stats", "--output", str(output), "--json"]) == 0
    (kept,) = json.loads(capsys.readouterr().out)
    assert (kept["model"], kept["endpoint"], kept["calls"], kept["cost_usd"]) == (
        "m",
        "http://here/v1",
        3,
        0.75,
    )
    assert main(["cache", "stats", "--output", str(output)]) == 0
    assert "$0.75" in capsys.readouterr().out


def test_prune_drops_what_it_is_told_to(output: Path, capsys: pytest.CaptureFixture[str]):
    where = ["--output", str(output), "--json"]
    assert main(["cache", "prune", "--older-than", "30d", *where]) == 0
    assert json.loads(capsys.readouterr().out)["dropped"] == 0
    assert main(["cache", "prune", "--max-size", "0", *where]) == 0
    assert json.loads(capsys.readouterr().out)["dropped"] == 3
    assert main(["cache", "stats", "--output", str(output)]) == 0
    assert "No answer" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--older-than 30d"),
        (["--older-than", "soon"], "such as 30d"),
        (["--max-size", "big"], "such as 1GB"),
    ],
)
def test_prune_refuses_what_it_cannot_read(output: Path, capsys: pytest.CaptureFixture[str], arguments, said):
    assert main(["cache", "prune", *arguments, "--output", str(output)]) == 2
    assert said in capsys.readouterr().err


def test_a_store_that_is_not_there_is_refused_and_not_made(tmp_path: Path):
    assert main(["cache", "stats", "--output", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []


def test_ages_and_sizes_are_read_as_people_write_them():
    assert [read_age(text) for text in ("30d", "12h", "1.5w", "10m")] == [
        timedelta(days=30), timedelta(hours=12), timedelta(days=10.5), timedelta(minutes=10),
    ]  # fmt: skip
    assert [read_size(text) for text in ("1GB", "500 mb", "2GiB", "1k", "7", "7B")] == [
        10**9, 500 * 10**6, 2 * 2**30, 1000, 7, 7,
    ]  # fmt: skip
    assert [size(count) for count in (10, 2500, 3 * 10**6, 4 * 10**9)] == [
        "10 bytes",
        "2.5 kB",
        "3.0 MB",
        "4.0 GB",
    ]
