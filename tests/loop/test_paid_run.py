"""A whole run by a paid judge: stopped by its budget, killed at work, gone on with, and never paying twice."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from policy.starter.build import ensure_starter
from tests.judge.chat_server import Body, ChatServer, completion

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CALL_USD = 30 * 10e-6 + 1 * 100e-6
"""About what one call costs."""


def settled(body: Body, _: int) -> tuple[int, dict[str, str], Any]:
    """Prefers an answer by the length of the whole chat: the same whoever asks."""
    length = sum(len(message["content"]) for message in body.get("messages", ()))
    usage = {"prompt_tokens": length // 4 + 4, "completion_tokens": 1}
    return 200, {}, {**completion("A" if length % 2 else "B"), "usage": usage}


def paid(server: ChatServer) -> float:
    """What the server would put on the bill, in dollars."""
    usages = [settled(body, 0)[2]["usage"] for body in server.requests]
    return sum(10e-6 * usage["prompt_tokens"] + 100e-6 * usage["completion_tokens"] for usage in usages)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    started = ChatServer(settled)
    yield started
    started.close()


def command(server: ChatServer, output: Path, **judge: Any) -> list[str]:
    asked = {
        "kind": "api", "base_url": server.url, "model": "test-model", "template": "starter", "constitution": "starter",
        "max_tokens": 8, "concurrency": 4, "prices": {"test-model": {"input": 10, "output": 100}}, **judge,
    }  # fmt: skip
    settings = [
        f"policy.model={ensure_starter(steps=30)}",
        f"output={output}",
        "rounds=1",
        "prompts.max_train=40",
        "prompts.max_heldout=16",
        "sampler.k=4",
        "spot_check.random=4",
        "gate.labels=4",
        "gate.min_labels=3",
        f"judge={json.dumps(asked)}",
    ]
    return [
        *(sys.executable, "-m", "loop.cli", "run", "configs/starter.yaml", "--name", "run", "--json"),
        *(word for setting in settings for word in ("--set", setting)),
    ]


def test_a_run_stops_at_its_budget_survives_a_kill_and_never_pays_for_a_call_twice(
    server: ChatServer, tmp_path: Path
) -> None:
    limit = 60 * CALL_USD
    stopped = subprocess.run(
        command(server, tmp_path, budget={"usd": limit}),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert stopped.returncode == 3, stopped.stderr[-2000:]
    assert "judge.budget.usd" in stopped.stderr
    assert "the same command goes on from there" in stopped.stderr
    before = len(server.requests)
    assert 0.5 * limit < paid(server) <= limit

    larger = command(server, tmp_path, budget={"usd": 10_000 * CALL_USD})
    killed = subprocess.Popen(larger, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(server.requests) < before + 60:
        assert killed.poll() is None
        time.sleep(0.002)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()

    finished = subprocess.run(larger, capture_output=True, text=True, timeout=300, check=False)
    assert finished.returncode == 0, finished.stderr[-2000:]
    asked = Counter(json.dumps(body, sort_keys=True) for body in server.requests)
    assert sum(times - 1 for times in asked.values()) <= 6  # what was on its way, or just in, at the kill
    summary = json.loads(finished.stdout)
    cost = summary["judge_cost"]
    assert cost["cost_usd"] == pytest.approx(paid(server), abs=6 * 2 * CALL_USD)
    (played,) = summary["rounds"]
    assert played["unscored"] == 0
    assert 0 < played["judge_cost"]["cost_usd"] <= cost["cost_usd"]
    assert "Judge paid for" in (tmp_path / "run" / "report.html").read_text()

    again = subprocess.run(larger, capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode == 0
    assert sum(asked.values()) == len(server.requests)
