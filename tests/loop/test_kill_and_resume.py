"""A run killed inside any stage and run again makes the very pairs of a run that nobody disturbed."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from policy.starter.build import ensure_starter
from store.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STARTED = {
    "sample": "round 1 · sample: started",
    "judge": "round 1 · judge: started",
    "spot_check": "round 1 · spot-check, simulated reviewer: started",
    "pair": "round 1 · pair: started",
    "train": "round 1 · train: started",
    "gate": "round 1 · gate, judge: started",
}


@pytest.fixture(scope="module")
def policy() -> Path:
    return ensure_starter(steps=30)


def command(policy: Path, output: Path) -> list[str]:
    settings = [
        f"policy.model={policy}",
        f"output={output}",
        "rounds=2",
        "prompts.max_train=96",
        "prompts.max_heldout=64",
        "sampler.shard_prompts=16",
        "judge.min_label_mass=0",
        "pairs.min_confidence=0.5001",
        "gate.patience=9",
        "train.save_steps=1",
    ]
    return [
        *(sys.executable, "-m", "loop.cli", "run", "configs/starter.yaml", "--name", "run"),
        *(word for setting in settings for word in ("--set", setting)),
    ]


def play(arguments: Sequence[str]) -> None:
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def kill_at(arguments: Sequence[str], line: str) -> None:
    """Start the command and kill it with SIGKILL as soon as it has printed `line`."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for printed in process.stderr:
        if line in printed:
            break
    else:
        pytest.fail(f"the run ended without printing {line!r}")
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()


def pairs_files(output: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(output.glob("run/round-*/pairs.jsonl"))]


def counts(output: Path) -> dict[tuple[int, str], dict[str, object]]:
    """What every finished stage counted, but for how long it took."""
    with Store.open(f"sqlite:///{output / 'rlaif.db'}") as store:
        return {
            (marker.round, marker.stage): {
                name: count for name, count in marker.counts.items() if "seconds" not in name
            }
            for marker in store.run("run").markers()
        }


@pytest.fixture(scope="module")
def undisturbed(policy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("undisturbed")
    play(command(policy, output))
    assert len(pairs_files(output)) == 2
    assert all(pairs_files(output))
    return output


@pytest.mark.parametrize("stage", STARTED)
def test_a_run_killed_in_a_stage_resumes_to_the_same_pairs(
    stage: str, policy: Path, undisturbed: Path, tmp_path: Path
) -> None:
    kill_at(command(policy, tmp_path), STARTED[stage])
    assert len(counts(tmp_path)) < len(counts(undisturbed))
    play(command(policy, tmp_path))
    assert pairs_files(tmp_path) == pairs_files(undisturbed)
    assert counts(tmp_path) == counts(undisturbed)
