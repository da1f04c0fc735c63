"""Runs a command and ends it, with all it started, when the process that asked for it is gone.

`python -m policy.guard COMMAND…` is started as the head of a process group, with a pipe on standard input whose other
end the asking process holds. The pipe closes however that process ends, a SIGKILL included; then the whole group is
killed. The guard's exit code is the command's.
"""

import os
import signal
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    """Run the command to its end; its exit code (128 and the signal's number where a signal ended it)."""
    # A request to end is for the command. It comes to the whole group; the guard stays to see it through.
    signal.signal(signal.SIGTERM, lambda *_: None)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    code = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    return code if code >= 0 else 128 - code


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
