"""Reviewers who work a queue over HTTP, each on a connection of their own that breaks off again and again.

What a page does when the network fails is done here too: a request without an answer is sent again under its key until
it has one. The connection is broken off after half of a request, after all of it, or in the middle of the answer.
"""

import json
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import httpx

from review.questions import Choice
from review.queue import SkipCause

CHOICES, CAUSES = get_args(Choice), get_args(SkipCause)
ROOT = Path(__file__).parents[2]
_PATIENCE_S = 120.0


class Remote:
    """One reviewer with a bearer token. `told` gathers what the server said it kept."""

    def __init__(self, url: str, token: str, run: str, name: str, seed: int) -> None:
        self._where, self._token, self._run, self.name = urlsplit(url), token, run, name
        self.chance = random.Random(f"{seed} {name}")
        self.told: list[dict[str, Any]] = []
        self.seconds: list[float] = []
        self._connection: HTTPConnection | None = None

    def work(self) -> None:
        """Until the queue says that nothing is left, in nobody's hands either."""
        until = time.monotonic() + _PATIENCE_S
        while True:
            claimed = self.ask("POST", "claims", {"count": self.chance.randint(1, 6)})
            if not claimed["items"]:
                if not claimed["held_by_others"]:
                    return
                assert time.monotonic() < until, f"{self.name} waited too long for what others hold"
                time.sleep(0.05)
                continue
            until = time.monotonic() + _PATIENCE_S
            for question in claimed["items"]:
                self._answer(question["item_id"])

    def _answer(self, item_id: str) -> None:
        what = self.chance.random()
        if what < 0.02:
            cause = self.chance.choice(CAUSES)
            self.ask("POST", "skips", {"item_id": item_id, "cause": cause}, key=self._key())
        elif what < 0.04:
            self.ask("DELETE", f"claims/{item_id}")
        else:
            self._vote(item_id)
            if self.chance.random() < 0.02:
                undone = self.ask("POST", "undo", {"item_id": item_id}, key=self._key())
                assert undone["item"]["item_id"] == item_id
                self._vote(item_id)

    def _vote(self, item_id: str) -> None:
        choice, key = self.chance.choice(CHOICES), self._key()
        said = {"item_id": item_id, "choice": choice, "seconds": round(self.chance.uniform(2, 40), 1)}
        answer = self.ask("POST", "votes", said, key=key)
        self.told.append(
            {"label": answer["label_id"], "item": item_id, "reviewer": self.name, "choice": choice}
        )
        if self.chance.random() < 0.15:
            assert self.ask("POST", "votes", said, key=key) == answer

    def _key(self) -> str:
        return f"{self.name}-{self.chance.getrandbits(64):x}"

    def ask(self, method: str, what: str, said: object = None, key: str | None = None) -> Any:
        """The answer to a request, however often it must be sent. Without a key it is not broken off on purpose."""
        path = f"/api/v1/runs/{self._run}/{what}"
        body = b"" if said is None else json.dumps(said).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
            while self.chance.random() < 0.12:
                self._break_off(method, path, body, headers)
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return self._asked(method, path, body, headers)
            except (HTTPException, OSError):
                self.close()
                assert time.monotonic() < until, "the server stayed away"
                time.sleep(0.1)

    def _asked(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Any:
        begun = time.perf_counter()
        if self._connection is None:
            self._connection = HTTPConnection(self._where.hostname or "", self._where.port, timeout=60)
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        answer = response.read()
        self.seconds.append(time.perf_counter() - begun)
        assert response.status in (200, 201), f"{method} {path}: {response.status} {answer[:500]!r}"
        return json.loads(answer)

    def _break_off(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
        head = {**headers, "Host": self._where.netloc, "Content-Length": str(len(body))}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
        request = "\r\n".join([*lines, "", ""]).encode() + body
        how = self.chance.choice(("half", "whole", "answered", "late"))
        try:
            with socket.create_connection((self._where.hostname, self._where.port or 0), 60) as connection:
                connection.sendall(request[: len(request) - len(body) // 2] if how == "half" else request)
                if how == "answered":
                    connection.recv(self.chance.randint(1, 40))
                elif how == "late":
                    time.sleep(self.chance.uniform(0.0, 0.03))
        except OSError:
            pass  # the server was away

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Service:
    """`rlaif serve` as a process of its own, which can be killed and started again at the same address."""

    def __init__(self, store_url: str, log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._store_url, self._log = store_url, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        serve = [
            sys.executable,
            "-m",
            "loop.cli",
            "serve",
            "--port",
            str(self._port),
            "--store",
            self._store_url,
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(serve, cwd=ROOT, stdout=log, stderr=log)
        until = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{self.url}/healthz").raise_for_status()
            except httpx.HTTPError:
                assert self._process.poll() is None, self._log.read_text()
                assert time.monotonic() < until, self._log.read_text()
                time.sleep(0.1)
            else:
                return

    def kill(self) -> None:
        """At once, with whatever it was doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)


def work_all(
    remotes: Sequence[Remote], meanwhile: Callable[[Callable[[], bool]], None]
) -> list[BaseException]:
    """Let them all work at once, to the end; what went wrong. `meanwhile` is given a way to ask whether any works."""
    failures: list[BaseException] = []

    def one(remote: Remote) -> None:
        try:
            with closing(remote):
                remote.work()
        except BaseException as error:  # told to whoever waits; a thread has nobody else to tell
            failures.append(error)

    threads = [threading.Thread(target=one, args=(remote,)) for remote in remotes]
    for thread in threads:
        thread.start()
    meanwhile(lambda: any(thread.is_alive() for thread in threads))
    for thread in threads:
        thread.join()
    return failures
