"""A real HTTP server with the files and batches of the OpenAI API beside chat completions, on a loopback socket.

A batch goes through its states as it is looked at: after `looks` looks it is done. `behaviour` answers the requests,
live and batched alike; `lost` says which lines of a batch get no answer, and `fate` how the batch ends. What was asked
is remembered apart: `live`, and `batched` by batch.
"""

import json
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

from tests.judge.loopback import Answer, LoopbackServer

Body = dict[str, Any]
Reply = tuple[int, Any]


def _none(_batch: int, _line: int) -> bool:
    return False


def _completed(_batch: int) -> str:
    return "completed"


class BatchServer(LoopbackServer):
    def __init__(
        self,
        behaviour: Callable[[Body], Reply],
        *,
        looks: int = 1,
        lost: Callable[[int, int], bool] = _none,
        fate: Callable[[int], str] = _completed,
    ) -> None:
        self.live: list[Body] = []
        self.batched: list[list[Body]] = []
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, Body] = {}
        self.looked = 0
        self.has_batches = True
        self.hiccups: list[int] = []
        """Statuses with which the next GET requests are answered; 0 breaks the connection."""
        self.drop_next_create = False
        """Create the next batch, and break the connection instead of answering."""
        self._behaviour, self._looks, self._lost, self._fate = behaviour, looks, lost, fate
        self._left: dict[str, int] = {}
        self._lock = threading.Lock()
        super().__init__()

    def post(self, path: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        with self._lock:
            status, body = self._post(path, raw, headers.get("Content-Type", ""))
        return status, {}, body

    def get(self, path: str) -> Answer:
        with self._lock:
            status, body = self._get(path)
        return status, {}, body

    @property
    def lines(self) -> int:
        """Requests in all batches."""
        return sum(map(len, self.batched))

    def _post(self, path: str, raw: bytes, content_type: str) -> Reply:
        if path.endswith("/chat/completions"):
            self.live.append(json.loads(raw))
            return self._behaviour(self.live[-1])
        if path.endswith("/files") and self.has_batches:
            return self._upload(raw, content_type)
        if path.endswith("/batches"):
            return self._create(json.loads(raw))
        return 404, {"error": {"message": "no such route"}}

    def _upload(self, raw: bytes, content_type: str) -> Reply:
        boundary = content_type.partition("boundary=")[2].strip('"').encode()
        content = b""
        for part in raw.split(b"--" + boundary):
            head, _, body = part.partition(b"\r\n\r\n")
            if re.search(rb'name="file"', head):
                content = body.removesuffix(b"\r\n")
            elif re.search(rb'name="purpose"', head) and body.strip() != b"batch":
                return 400, {"error": {"message": "purpose must be batch"}}
        id = f"file-{len(self.files)}"
        self.files[id] = content
        return 200, {"id": id, "object": "file", "bytes": len(content), "purpose": "batch"}

    def _create(self, asked: Body) -> Reply:
        if asked["endpoint"] != "/v1/chat/completions" or asked["completion_window"] != "24h":
            return 400, {"error": {"message": "unsupported batch"}}
        number = len(self.batches)
        id = f"batch_{number}"
        requests = [json.loads(line) for line in self.files[asked["input_file_id"]].splitlines()]
        assert len({request["custom_id"] for request in requests}) == len(requests)
        self.batched.append([request["body"] for request in requests])
        self.batches[id] = {
            "id": id,
            "object": "batch",
            "status": "validating",
            "metadata": asked["metadata"],
        }
        self._left[id] = self._looks
        if self._fate(number) == "refused":
            self.batches[id]["fate"] = ("failed", None, None)
        else:
            self.batches[id]["fate"] = (self._fate(number), *self._work(number, requests))
        if self.drop_next_create:
            self.drop_next_create = False
            return 0, None
        return 200, self._told(id)

    def _work(self, number: int, requests: list[Body]) -> tuple[str, str]:
        """The output file and the error file."""
        done, failed = [], []
        for place, request in enumerate(requests):
            entry = {"id": f"r{place}", "custom_id": request["custom_id"], "error": None}
            if self._lost(number, place):
                error = {"code": "batch_expired", "message": "not done in time"}
                failed.append({**entry, "response": None, "error": error})
                continue
            status, body = self._behaviour(request["body"])
            answered = {**entry, "response": {"status_code": status, "request_id": "q", "body": body}}
            (done if status == 200 else failed).append(answered)
        names = []
        for lines in (done, failed):
            names.append(f"file-{len(self.files)}")
            # In an order of the server's own.
            self.files[names[-1]] = b"".join(
                json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in reversed(lines)
            )
        return names[0], names[1]

    def _get(self, path: str) -> Reply:
        name = path.rstrip("/").rpartition("/")[2]
        if self.hiccups:
            return self.hiccups.pop(0), {"error": {"message": "try again"}}
        if path.endswith("/content"):
            return 200, self.files[path.split("/")[-2]]
        if name == "batches":
            return 200, {"data": [self._told(id) for id in reversed(self.batches)], "has_more": False}
        if name not in self.batches:
            return 404, {"error": {"message": "no such batch"}}
        self.looked += 1
        self._left[name] -= 1
        return 200, self._told(name)

    def _told(self, id: str) -> Body:
        batch = {key: value for key, value in self.batches[id].items() if key != "fate"}
        if self._left[id] > 0:
            return {**batch, "status": "in_progress"}
        status, output, errors = self.batches[id]["fate"]
        told = {**batch, "status": status, "output_file_id": output, "error_file_id": errors}
        if status == "failed":
            told["errors"] = {"object": "list", "data": [{"message": "Enqueued token limit reached"}]}
        return told
