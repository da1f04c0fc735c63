import json
from pathlib import Path

import pytest

from benchmarks import gpu, round
from benchmarks.played import OurRound, PlainRound
from policy.starter.build import ensure_starter

OURS = OurRound(
    seconds={"sample": 1.0, "judge": 2.0, "spot_check": 0.5, "pair": 0.5, "train": 4.0, "gate": 3.0},
    tokens=1000,
    comparisons=200,
    pairs=32,
    sides={"a": True, "b": False, "c": True},
)
PLAIN = PlainRound(
    load_seconds=0.5, sample_seconds=4.0, tokens=1200, judge_seconds=10.0, comparisons=200, unread=4,
    sides={"a": True, "b": True}, train_seconds=8.0, pairs=32,
)  # fmt: skip


def test_a_round_is_compared_stage_by_stage_and_whole() -> None:
    rows = round.compare([round.Played(OURS, PLAIN, ours_seconds=20.0, plain_seconds=30.0)], epochs=2.0)
    rates = {(row.part, row.way == "rlaif"): row.rate for row in rows}
    assert rates["sample", False] == 1200 / 4.0
    assert rates["sample", True] == 1000 / 1.0
    assert rates["judge", False] == 200 / 10.0
    assert rates["train", True] == 64 / 4.0
    assert rates["round", True] == pytest.approx(3600 / 7.5)
    assert rates["round", False] == pytest.approx(3600 / 22.5)
    judged = next(row for row in rows if row.part == "judge" and row.way == "rlaif")
    assert "50.0% on the same side" in judged.note


def test_a_round_played_several_times_is_told_by_its_medians() -> None:
    slow = PLAIN.model_copy(update={"sample_seconds": 400.0})
    slower = PLAIN.model_copy(update={"sample_seconds": 6.0})
    played = [round.Played(OURS, plain, 20.0, 30.0) for plain in (PLAIN, slow, slower)]
    sampled = round.compare(played, epochs=1.0)[0]
    assert (sampled.seconds, sampled.rate) == (6.0, 200.0)


@pytest.fixture(scope="module")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_starter(tmp_path_factory.mktemp("cache"), steps=1)


@pytest.mark.slow
def test_one_command_measures_a_device_from_sampling_to_the_starters_run(
    tmp_path: Path, miniature: Path
) -> None:
    gpu.main([
        "--device", "cpu", "--shapes", "tiny", "--out", str(tmp_path / "gpu"), "--set", f"policy.model={miniature}",
        "--set", "prompts.max_train=8", "--set", "prompts.max_heldout=8", "--set", "rounds=1",
    ])  # fmt: skip
    written = json.loads((tmp_path / "gpu.json").read_text())
    assert "matrix product" in written["facts"]["measured bounds"]
    rates = {(row["part"], row["way"]): row["rate"] for row in written["rows"]}
    assert [row["note"] for row in written["rows"] if row["rate"] is None] == []
    assert {part for part, _ in rates} == set(gpu.PARTS)
    assert len(rates) == 2 + 4 + 2 + 1
    bounded = [row for row in written["rows"] if row["part"] in {"sampling", "training"}]
    assert all(0.0 < row["rate"] / row["bound"] < 1.0 for row in bounded)


@pytest.mark.slow
def test_a_part_without_time_is_a_row_that_says_so(tmp_path: Path) -> None:
    gpu.main([
        "--device", "cpu", "--shapes", "tiny", "--budget", "0", "--only", "sampling,training,run",
        "--out", str(tmp_path / "gpu"),
    ])  # fmt: skip
    rows = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    assert len(rows) == 4
    assert all("no time left" in row["note"] for row in rows)


@pytest.mark.slow
def test_one_command_sets_a_round_beside_the_libraries_alone(tmp_path: Path, miniature: Path) -> None:
    round.main([
        "--out", str(tmp_path / "round"), "--set", f"policy.model={miniature}", "--set", "prompts.max_train=16",
        "--set", "prompts.max_heldout=8", "--set", "judge.min_label_mass=0", "--set", "pairs.min_confidence=0.501",
        "--set", "policy.device=cpu",
    ])  # fmt: skip
    rows = json.loads((tmp_path / "round.json").read_text())["rows"]
    assert [row["part"] for row in rows[::2]] == ["sample", "judge", "train", "round", "process"]
    assert all(row["rate"] > 0 for row in rows)
