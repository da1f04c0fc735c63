"""`rlaif run` for real: what goes to which stream, and that every command it proposes works."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from policy.starter.build import ensure_starter

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def policy() -> Path:
    return ensure_starter(steps=30)


def arguments(policy: Path, *more: str) -> list[str]:
    settings = (
        f"policy.model={policy}",
        "prompts.max_train=48",
        "prompts.max_heldout=48",
        "judge.min_label_mass=0",
        "pairs.min_confidence=0.5001",
        "gate.labels=30",
        "gate.patience=9",
    )
    sets = [word for setting in settings for word in ("--set", setting)]
    return ["run", str(ROOT / "configs" / "starter.yaml"), "--name", "mine", *sets, *more]


def rlaif(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "loop.cli", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_run_prints_its_summary_and_proposes_commands_that_work(policy: Path, tmp_path: Path) -> None:
    done = rlaif(arguments(policy, "--rounds", "1", "--json"), tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert json.loads((tmp_path / "runs/mine/summary.json").read_text()) == summary
    assert len(summary["rounds"]) == 1
    assert "round 1 · sample: done" in done.stderr

    shown = rlaif(arguments(policy, "--rounds", "1"), tmp_path)
    assert "Report:  runs/mine/report.html" in shown.stdout
    assert (tmp_path / "runs/mine/report.html").is_file()
    assert summary["rounds"][0]["reason"][:60] in shown.stdout
    proposed = [line.strip() for line in shown.stdout.splitlines() if line.startswith("    rlaif ")]
    assert len(proposed) >= 5
    for command in proposed:
        words = shlex.split(command)
        assert words[0] == "rlaif"
        tried = rlaif(words[1:], tmp_path)
        assert tried.returncode == 0, f"{command}\n{tried.stderr}"
    assert (tmp_path / "mine-policy" / "model.safetensors").is_file()
    assert (tmp_path / "mine-pairs.jsonl").read_text().count("\n") == summary["rounds"][0]["pairs"]
    extended = json.loads((tmp_path / "runs/mine/summary.json").read_text())
    assert [r["index"] for r in extended["rounds"]] == [1, 2, 3]


def test_an_interrupted_run_says_how_to_go_on_and_does(policy: Path, tmp_path: Path) -> None:
    words = arguments(policy, "--rounds", "1")
    process = subprocess.Popen(
        [sys.executable, "-m", "loop.cli", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs, and so perhaps these tests, are started with interrupts ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("round 1 · train: started"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    again = next(line.strip() for line in err.splitlines() if line.startswith("  rlaif run "))
    assert shlex.split(again)[1:] == [*words[:2], "--rounds", "1", *words[2:-2]]
    resumed = rlaif(shlex.split(again)[1:], tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert "round 1 · sample: started" not in resumed.stderr
