"""A model server for one folder: started from a command line, waited for, ended with all it started."""

import shlex
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from policy.errors import PolicyRefused, ServerFailed
from policy.guarded import end_process, start_guarded, tail

_GRACE_S = 10.0


class ServerProcess:
    """Runs `command`, which holds {path} and {port}, while it is entered. `timeout_s` is for starting.

    Entering raises `PolicyRefused` for a command without the two, `ServerFailed` with the log's tail where the server
    ends or does not answer in time.
    """

    def __init__(self, path: Path, command: str, timeout_s: float) -> None:
        self.path = path
        self._command = command
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if "{path}" not in self._command or "{port}" not in self._command:
            raise PolicyRefused(
                f"sampler.serve_command {self._command!r} must hold {{path}} and {{port}}, such as "
                "`vllm serve {path} --port {port}`."
            )
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._folder = tempfile.TemporaryDirectory(prefix="rlaif-server-")
        self._log = Path(self._folder.name) / "server.log"
        parts = [part.format(path=self.path, port=port) for part in shlex.split(self._command)]
        self._process = start_guarded(parts, self._log)
        try:
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log_tail(self) -> str:
        return tail(self._log)

    def close(self) -> None:
        """End the server: politely, and after ten seconds for good."""
        if self._process is not None:
            end_process(self._process, _GRACE_S)
            self._process = None
            self._folder.cleanup()

    def served_name(self) -> str:
        """What the server calls the model: what it lists if that is one, else the folder."""
        with httpx.Client(timeout=10.0, trust_env=False) as client:
            try:
                listed = client.get(f"{self.url}/v1/models").raise_for_status().json()["data"]
            except (httpx.HTTPError, ValueError, KeyError):
                return str(self.path)
        names = [str(entry.get("id")) for entry in listed]
        return names[0] if len(names) == 1 else str(self.path)

    def _wait_until_ready(self) -> None:
        """Wait until the server answers anything but a server error at /health or /v1/models."""
        assert self._process is not None
        deadline = time.monotonic() + self._timeout_s
        with httpx.Client(timeout=5.0, trust_env=False) as client:
            while time.monotonic() < deadline:
                if self._process.poll() is not None:
                    raise ServerFailed(
                        f"`{self._command}` ended with exit code {self._process.returncode} before it answered. The "
                        f"end of its log:\n{self.log_tail}"
                    )
                if any(_answers(client, f"{self.url}{place}") for place in ("/health", "/v1/models")):
                    return
                time.sleep(0.2)
        raise ServerFailed(
            f"`{self._command}` did not answer within {self._timeout_s:.0f} s (sampler.serve_timeout_s). The end of "
            f"its log:\n{self.log_tail}"
        )


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code < 500
    except httpx.HTTPError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
