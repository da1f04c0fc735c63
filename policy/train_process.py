"""The processes that train: started, asked whether they are done, ended with all they started.

None outlives its parent: each holds the read end of a pipe and ends when the pipe closes, as it does however the
parent ends. Each is the head of its own process group, so that Ctrl-C reaches the parent alone, and the parent ends
the whole group.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from policy.errors import TrainingFailed

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
        environment = {"RLAIF_DIE_WITH_PARENT": "1"} | ({} if launcher else _one_device(device))
        command = [*(launcher or [sys.executable]), "-m", "policy.train_job", str(job_file)]
        with log_file.open("ab") as log:
            self._process = _start(command, environment, log, subprocess.STDOUT)

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        return self._process.poll()

    def close(self) -> None:
        _end(self._process)


class ReadyProcess:
    """A `policy.train_ready` process: runs one job after another, on the CPU."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "policy.train_ready"]
        self._process = _start(command, {"CUDA_VISIBLE_DEVICES": ""}, subprocess.PIPE, subprocess.DEVNULL)

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
        _end(self._process)


def _start(
    command: Sequence[str], environment: Mapping[str, str], output: IO[bytes] | int, errors: int
) -> "subprocess.Popen[bytes]":
    here = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=errors,
            env={**os.environ, **_QUIET, "PYTHONPATH": path, **environment},
            start_new_session=True,
        )
    except OSError as error:
        raise TrainingFailed(
            f"Cannot start `{' '.join(command)}`: {error}. Check train.launcher; without one, training runs on one "
            "device with this Python."
        ) from error


def _end(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


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
