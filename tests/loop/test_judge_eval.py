"""`rlaif judge eval`: the JSON contract, several judges side by side, what is written and what is kept."""

import json
from pathlib import Path
from typing import Any

import pytest

from loop.cli import main
from store.evaluations import Evaluations
from store.store import Store

CONTRACT = {
    "n", "scored", "accuracy", "accuracy_first_order", "accuracy_second_order", "flip_rate", "first_slot_rate",
    "longer_rate", "human_longer_rate", "kappa", "ece", "temperature", "ece_calibrated", "cost_usd", "by_subset",
}  # fmt: skip
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Sixty rows: people prefer the shorter answer in 45, the longer in 10, neither in 5."""
    rows = []
    for number in range(60):
        preferred = "first" if number < 45 else "second" if number < 55 else "tie"
        rows.append(
            {
                "prompt": f"Question {number}?",
                "first": "Short.",
                "second": "A longer answer.",
                "label": preferred,
                "subset": "odd" if number % 2 else "even",
            }
        )
    path = tmp_path / "labelled.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rlaif(capsys: pytest.CaptureFixture[str], *words: str | Path, code: int = 0) -> str:
    assert main(["judge", *map(str, words)]) == code
    captured = capsys.readouterr()
    return captured.out if code == 0 else captured.err


def measured(capsys: pytest.CaptureFixture[str], *words: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(rlaif(capsys, "eval", *words, "--json"))
    return found


def test_json_is_the_contract_and_nothing_else_on_stdout(
    capsys: pytest.CaptureFixture[str], data: Path, tmp_path: Path
) -> None:
    found = measured(capsys, data, "--judge", "scripted", "--output", tmp_path)
    assert found.keys() >= CONTRACT
    assert (found["n"], found["scored"], found["ties"], found["decided"]) == (60, 60, 5, 55)
    assert found["accuracy"].keys() == {"value", "low", "high"}
    assert found["accuracy"]["value"] == pytest.approx(45 / 55)
    assert found["accuracy_first_order"] == found["accuracy_second_order"] == pytest.approx(45 / 55)
    assert (found["flip_rate"], found["first_slot_rate"], found["longer_rate"]) == (0.0, 0.5, 0.0)
    assert found["human_longer_rate"] == pytest.approx(10 / 55)
    assert found["ece"] == pytest.approx(0.9 - 45 / 55)
    assert found["temperature"] > 1
    assert 0 <= found["ece_calibrated"] < 0.2
    assert found["cost_usd"] == 0.0
    assert set(found["by_subset"]) == {"even", "odd"}
    assert sum(figures["n"] for figures in found["by_subset"].values()) == 60


def test_judges_are_compared_side_by_side_with_a_paired_test(
    capsys: pytest.CaptureFixture[str], data: Path, tmp_path: Path
) -> None:
    judges = ("--judge", "scripted", "--judge", "scripted:longer", "--compare")
    found = measured(capsys, data, *judges, "--output", tmp_path)
    assert [one["choice"] for one in found["judges"]] == ["scripted", "scripted:longer"]
    (pair,) = found["compared"]
    assert (pair["n"], pair["only_judge_right"], pair["only_baseline_right"]) == (55, 10, 45)
    assert pair["difference"]["value"] == pytest.approx(-35 / 55)
    assert pair["difference"]["high"] < 0
    assert pair["mcnemar_p"] < 1e-5


def test_the_table_names_figures_subsets_and_the_test(
    capsys: pytest.CaptureFixture[str], data: Path, tmp_path: Path
) -> None:
    shown = rlaif(
        capsys,
        "eval",
        data,
        "--judge",
        "scripted",
        "--judge",
        "scripted:hash",
        "--compare",
        "--output",
        tmp_path,
    )
    for words in ("accuracy", "0.818", "flips", "people do", "even", "against the", "McNemar"):
        assert words in shown


def test_files_are_written_where_asked(
    capsys: pytest.CaptureFixture[str], data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    found = measured(capsys, data, "--judge", "scripted", "--output", tmp_path, "--out", out)
    assert json.loads((out / "evaluation.json").read_text(encoding="utf-8")) == found
    lines = [json.loads(line) for line in (out / "verdicts.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 60
    assert lines[0]["where"] == f"{data}:1"
    assert (lines[0]["label"], lines[0]["p_first"]) == ("first", 0.9)
    assert (out / "reliability.png").read_bytes().startswith(b"\x89PNG")


def test_evaluations_are_kept_and_listed(
    capsys: pytest.CaptureFixture[str], data: Path, tmp_path: Path
) -> None:
    found = measured(capsys, data, "--judge", "scripted", "--output", tmp_path)
    measured(capsys, data, "--judge", "scripted:longer", "--output", tmp_path)
    (first, second) = json.loads(rlaif(capsys, "eval", "--list", "--json", "--output", tmp_path))
    assert (first["choice"], second["choice"]) == ("scripted", "scripted:longer")
    assert first["data_hash"] == second["data_hash"] == found["data_hash"]
    assert {**first["figures"], "choice": "scripted"} == found
    shown = rlaif(capsys, "eval", "--list", "--output", tmp_path)
    assert first["id"][:12] in shown
    assert "0.818" in shown


def test_a_learned_temperature_is_kept_for_runs(
    capsys: pytest.CaptureFixture[str], data: Path, tmp_path: Path
) -> None:
    found = measured(capsys, data, "--judge", "scripted", "--output", tmp_path, "--save-calibration")
    with Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as store:
        (kept,) = Evaluations(store.database).calibrations()
    assert (kept.id, kept.temperature, kept.labels) == (found["calibration"], found["temperature"], 55)
    error = rlaif(
        capsys, "eval", data, "--judge", "scripted:longer", "--output", tmp_path, "--save-calibration", code=2
    )
    assert "no better than a coin" in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--judge", "scripted", "--judge", "scripted:hash"], "say --compare"),
        (["--judge", "scripted", "--compare"], "name a second"),
        (["--judge", "scriptd"], "did you mean scripted"),
        ([], "needs DATA and --judge"),
    ],
)
def test_what_cannot_be_measured_is_refused_and_keeps_nothing(
    capsys: pytest.CaptureFixture[str], data: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    assert message in rlaif(capsys, "eval", data, *words, "--output", tmp_path, code=2)
    assert not (tmp_path / "rlaif.db").exists()


def test_a_bad_row_is_refused_before_anything_is_judged(
    capsys: pytest.CaptureFixture[str], data: Path, tmp_path: Path
) -> None:
    with data.open("a", encoding="utf-8") as file:
        file.write('{"prompt": "Q", "first": "a", "second": "b", "label": "best"}\n')
    error = rlaif(capsys, "eval", data, "--judge", "scripted", "--output", tmp_path, code=2)
    assert f"{data}:61: label is 'best'" in error
    assert "Traceback" not in error


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not SHARED.is_dir(), reason="the public data is not beside the checkout")
def test_the_starter_is_measured_on_public_data(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = measured(capsys, SHARED / "llmbar" / "manual.json", "--judge", "starter", "--output", tmp_path)
    assert found["n"] == 46
    assert 0 < found["scored"] <= 46
    assert found["scored"] + sum(found["unscored"].values()) == 46
    assert 0.2 < found["accuracy"]["value"] < 0.8  # a toy, near chance on questions it was never taught
