"""Processes that never outlive this one: heads of their own process groups, ended together with all they started.

Each holds the read end of a pipe on its standard input and ends when the pipe closes (see `policy.guard`). Being in a
group of their own, they do not see a Ctrl-C; whoever started them ends them.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_HERE = Path(__file__).resolve().parent.parent


def start_guarded(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start the command under the guard, its output appended to `log`."""
    with log.open("ab") as output:
        return start_process([sys.executable, "-m", "policy.guard", *command], output, environment)


def start_process(
    command: Sequence[str], output: IO[bytes] | int, environment: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start a command that ends by itself when its standard input closes, as the head of a group."""
    path = os.pathsep.join(filter(None, [str(_HERE), os.environ.get("PYTHONPATH", "")]))
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT if output != subprocess.PIPE else subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path, **(environment or {})},
        start_new_session=True,
    )


def end_process(process: "subprocess.Popen[bytes]", grace_s: float = 0.0) -> None:
    """End the process and everything in its group: politely, and after `grace_s` seconds for good."""
    if grace_s > 0.0:
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(grace_s)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def tail(log: Path, lines: int = 40) -> str:
    """The last lines of a log."""
    if not log.exists():
        return "(nothing was logged)"
    return "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-lines:])
