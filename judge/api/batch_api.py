"""The files and batches of the OpenAI API, as far as a batch of chat completions needs them.

Whatever can be repeated without harm is repeated while the server is unreachable or busy. Creating a batch cannot: a
lost reply may have created it, and it would be paid for twice. So every batch carries a tag of ours, and is looked for
by it before it is created again.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from judge.errors import JudgeStopped

ROUTE = "/v1/chat/completions"
WINDOW = "24h"
"""The only completion window there is."""

_TAG = "rlaif_batch"
_ATTEMPTS = 8
_PAGES = 20
_DONE = ("completed", "failed", "expired", "cancelled")


class RemoteBatch(BaseModel):
    """A batch as the server tells of it; what is not read is ignored."""

    id: str
    status: str
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: Any = None
    metadata: dict[str, str] | None = None
    request_counts: dict[str, int] | None = None

    @property
    def progress(self) -> str:
        """Its state in words, and how far it is where the server says so."""
        done = (self.request_counts or {}).get("completed")
        return self.status.replace("_", " ") + (f", {done:,} done" if done else "")

    @property
    def done(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in _DONE

    @property
    def reason(self) -> str:
        """Why the server refused it whole, as far as it says so."""
        data = self.errors.get("data") if isinstance(self.errors, dict) else None
        said = [str(fault.get("message")) for fault in data or [] if isinstance(fault, dict)]
        return "; ".join(dict.fromkeys(said))[:300] or "no reason given"


class _File(BaseModel):
    id: str


class _Page(BaseModel):
    data: list[RemoteBatch] = []
    has_more: bool = False


ReadT = TypeVar("ReadT", bound=BaseModel)


class BatchApi:
    """Talks to the batch endpoints under `base_url`. `pause_s` is the first wait before a repetition, seconds."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, pause_s: float = 1.0) -> None:
        self._http = http
        self._url = base_url.rstrip("/")
        self._pause_s = pause_s

    async def submit(self, lines: list[bytes], tag: str) -> RemoteBatch:
        """Upload requests, a JSON line each, and have them worked on. Raises `JudgeStopped`."""
        content = b"\n".join(lines) + b"\n"

        async def upload() -> httpx.Response:
            form = {"purpose": "batch"}
            file = {"file": (f"{tag}.jsonl", content, "application/jsonl")}
            return await self._http.post(f"{self._url}/files", data=form, files=file)

        uploaded = await self._repeated(upload)
        asked = {
            "input_file_id": _read(_File, uploaded).id,
            "endpoint": ROUTE,
            "completion_window": WINDOW,
            "metadata": {_TAG: tag},
        }
        for attempt in range(_ATTEMPTS):
            try:
                response = await self._http.post(f"{self._url}/batches", json=asked)
            except httpx.TransportError:
                response = None
            if response is not None and not _passing(response):
                return _read(RemoteBatch, self._accepted(response))
            await asyncio.sleep(self._wait(attempt))
            if (made := await self.find(tag)) is not None:
                return made
        raise self._gone()

    async def get(self, id: str) -> RemoteBatch | None:
        """How the batch stands; None where the server knows none of this id."""
        response = await self._repeated(lambda: self._http.get(f"{self._url}/batches/{id}"), missing=True)
        return None if response.status_code == 404 else _read(RemoteBatch, response)

    async def find(self, tag: str) -> RemoteBatch | None:
        """The batch that was submitted with this tag, among the latest that the server lists."""
        after: str | None = None
        for _ in range(_PAGES):
            query = {"limit": "100", **({"after": after} if after else {})}
            response = await self._repeated(
                partial(self._http.get, f"{self._url}/batches", params=query), missing=True
            )
            if response.status_code == 404:
                return None
            page = _read(_Page, response)
            for batch in page.data:
                if (batch.metadata or {}).get(_TAG) == tag:
                    return batch
            if not page.data or not page.has_more:
                return None
            after = page.data[-1].id
        return None

    async def lines(self, file_id: str) -> list[bytes]:
        """The lines of a file."""
        response = await self._repeated(lambda: self._http.get(f"{self._url}/files/{file_id}/content"))
        # By bytes: text has other line ends as well, and a reply may hold them.
        return response.content.split(b"\n")

    async def _repeated(
        self, ask: Callable[[], Awaitable[httpx.Response]], *, missing: bool = False
    ) -> httpx.Response:
        for attempt in range(_ATTEMPTS):
            try:
                response = await ask()
            except httpx.TransportError:
                response = None
            if response is not None and not _passing(response):
                return response if missing and response.status_code == 404 else self._accepted(response)
            await asyncio.sleep(self._wait(attempt))
        raise self._gone()

    def _wait(self, attempt: int) -> float:
        return min(self._pause_s * 2.0**attempt, 60.0)

    def _accepted(self, response: httpx.Response) -> httpx.Response:
        status = response.status_code
        if status < 400:
            return response
        where = f"judge at {self._url}"
        if status in (401, 403):
            raise JudgeStopped(f"{where}: the key may not use files and batches (HTTP {status}).")
        if status in (404, 405, 501):
            raise JudgeStopped(f"{where}: it has no batches (HTTP {status}). Set judge.delivery: live.")
        raise JudgeStopped(
            f"{where}: it refused a batch (HTTP {status}): {' '.join(response.text.split())[:300]}"
        )

    def _gone(self) -> JudgeStopped:
        return JudgeStopped(
            f"judge at {self._url}: no answer about files and batches after {_ATTEMPTS} attempts. What was submitted "
            "is written down: run again to collect it."
        )


def _passing(response: httpx.Response) -> bool:
    return response.status_code in (408, 409, 429) or (
        response.status_code >= 500 and response.status_code != 501
    )


def _read(kind: type[ReadT], response: httpx.Response) -> ReadT:
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as error:
        raise JudgeStopped("judge: what the server says of a batch or its file cannot be read") from error


def request_line(key: str, request: Any) -> bytes:
    """A request as a line of the file that is uploaded."""
    line = {"custom_id": key, "method": "POST", "url": ROUTE, "body": request}
    return json.dumps(line, ensure_ascii=True, separators=(",", ":")).encode()
