"""A run killed between two waves of a tournament, and in one, makes the very pairs of a run that nobody disturbed."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from policy.starter.build import ensure_starter

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PROMPTS, K = 48, 7


@pytest.fixture(scope="module")
def policy() -> Path:
    return ensure_starter(steps=30)


def start(policy: Path, output: Path) -> "subprocess.Popen[bytes]":
    settings = [
        f"policy.model={policy}",
        f"output={output}",
        "rounds=1",
        f"prompts.max_train={PROMPTS}",
        "prompts.max_heldout=8",
        "sampler.shard_prompts=16",
        f"sampler.k={K}",
        "judge.min_label_mass=0",
        "pairs.min_confidence=0.5001",
    ]
    command = [sys.executable, "-m", "loop.cli", "run", "configs/starter.yaml", "--name", "run"]
    return subprocess.Popen(
        [*command, *(word for setting in settings for word in ("--set", setting))],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def counted(output: Path, table: str) -> int:
    """Rows of a table; 0 while there is no store."""
    try:
        with sqlite3.connect(f"file:{output}/rlaif.db?mode=ro", uri=True) as connection:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    except sqlite3.Error:
        return 0


def kill_when(policy: Path, output: Path, table: str, rows: int) -> None:
    process = start(policy, output)
    try:
        while counted(output, table) < rows:
            assert process.poll() is None, f"the run ended before there were {rows} {table}"
            time.sleep(0.01)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def verdicts(output: Path) -> list[tuple[str, float]]:
    with sqlite3.connect(output / "rlaif.db") as connection:
        return connection.execute("SELECT id, p_first FROM verdicts ORDER BY id").fetchall()


def test_a_tournament_killed_again_and_again_ends_in_the_same_pairs(policy: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert start(policy, whole).wait() == 0
    every = counted(whole, "comparisons")
    assert every > PROMPTS * K // 2
    kill_when(policy, broken, "verdicts", every // 3)
    kill_when(policy, broken, "comparisons", 2 * every // 3)
    assert counted(broken, "verdicts") < counted(whole, "verdicts")
    assert start(policy, broken).wait() == 0
    pairs = [(output / "run" / "round-01" / "pairs.jsonl").read_bytes() for output in (whole, broken)]
    assert pairs[0]
    assert pairs[0] == pairs[1]
    assert verdicts(broken) == verdicts(whole)
