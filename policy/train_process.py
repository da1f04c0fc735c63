"""The two kinds of process a job trains in: one of its own, or a fork of one that is kept ready."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from policy.guarded import end_process, start_guarded, start_process

_QUIET = {
    "PYTHONUNBUFFERED": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


class JobProcess:
    """One job in a process of its own, behind a launcher if there is one."""

    def __init__(self, launcher: Sequence[str], job_file: Path, log_file: Path, device: str) -> None:
        command = [*(launcher or [sys.executable]), "-m", "policy.train_job", str(job_file)]
        self._process = start_guarded(command, log_file, _QUIET | ({} if launcher else _one_device(device)))

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        return self._process.poll()

    def close(self) -> None:
        end_process(self._process)


class ReadyProcess:
    """A `policy.train_ready` process: runs one job after another, on the CPU."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "policy.train_ready"]
        self._process = start_process(command, subprocess.PIPE, _QUIET | _one_device("cpu"))

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def start(self, job_file: Path, log_file: Path) -> None:
        """Give it a job; it may still be importing."""
        assert self._process.stdin is not None
        order = json.dumps({"job": str(job_file.resolve()), "log": str(log_file.resolve())})
        self._process.stdin.write(order.encode() + b"\n")
        self._process.stdin.flush()

    def poll(self) -> int | None:
        """The job's exit code, None while it runs."""
        assert self._process.stdout is not None
        if select.select([self._process.stdout], [], [], 0)[0]:
            answer = self._process.stdout.readline()
            return int(answer) if answer else self._process.wait() or 1
        return None

    def close(self) -> None:
        end_process(self._process)


def _one_device(device: str) -> dict[str, str]:
    """Show the process one CUDA device only: trl refuses several without a launcher."""
    if device in {"cpu", "mps"}:
        return {"CUDA_VISIBLE_DEVICES": ""}
    index = int(device.partition(":")[2] or 0)
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if seen is None:
        return {"CUDA_VISIBLE_DEVICES": str(index)}
    shown = seen.split(",")
    return {"CUDA_VISIBLE_DEVICES": shown[index] if index < len(shown) else ""}
