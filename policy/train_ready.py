"""A process that has imported everything training needs, and forks a fresh one for each job.

Importing torch, transformers and trl takes longer than a round of a small policy trains. This process pays for it
once: `python -m policy.train_ready` reads a line `{"job": PATH, "log": PATH}` from standard input, forks a child that
runs the job and is gone afterwards, and answers with a line holding the child's exit code. It computes nothing
itself, so the child starts as clean as a new interpreter. When standard input closes, whatever the reason, the child
is killed and the process ends.

For CPU only: CUDA cannot be used in a forked process that has touched it, and there imports are not what takes time.
"""

import gc
import json
import os
import select
import signal
import sys
import threading
import time
import traceback
from typing import Any

from policy.train_job import main

_POLL_S = 0.02


def serve() -> None:
    """Answer jobs until standard input closes."""
    gc.freeze()
    while line := sys.stdin.readline():
        order: dict[str, Any] = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(order)
        print(_wait(child), flush=True)  # noqa: T201 (the answer)


def _run(order: dict[str, Any]) -> None:
    """The child: log to the job's file, run it, leave without the parent's clean-up."""
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    _leave_with(os.getppid())
    code = 1
    try:
        main([order["job"]])
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _leave_with(parent: int) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _wait(child: int) -> int:
    """The child's exit code. Standard input that can be read meanwhile has closed: nothing is asked during a job."""
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if select.select([sys.stdin], [], [], _POLL_S)[0]:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            sys.exit(1)


if __name__ == "__main__":
    serve()
