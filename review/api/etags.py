"""ETags: a read that would bring what the client has answers 304, an edit of what has changed since is refused.

The tag of a read is a hash of its bytes, so it needs no version column and cannot be wrong. Edits name the tag of what
they were made from in `If-Match`; without one they are refused with 428, with an old one with 412.
"""

import hashlib
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from review.api.problem import Refused


def etag(body: bytes) -> str:
    """A strong tag of these bytes."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def require_match(header: str | None, current: str) -> None:
    """Refuse an edit made from anything but the current state. Raises Refused (428, 412)."""
    if header is None:
        raise Refused(
            HTTPStatus.PRECONDITION_REQUIRED,
            "Read this first, and send the ETag of what you read as If-Match, so that nobody's change is lost.",
        )
    if not _matches(header, current, weak=False):
        raise Refused(
            HTTPStatus.PRECONDITION_FAILED,
            "This has changed since you read it. Read it again and decide anew.",
        )


def _matches(header: str, current: str, *, weak: bool) -> bool:
    named = [one.strip() for one in header.split(",")]
    if weak:  # If-None-Match compares weakly (RFC 9110, 13.1.2): a cache in between may have weakened the tag
        named = [one.removeprefix("W/") for one in named]
    return "*" in named or current in named


def _is_tagged(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    return start["status"] == HTTPStatus.OK and not headers.get("content-disposition", "").startswith(
        "attachment"
    )


class ConditionalReads:
    """Middleware: 200 answers to GET get an ETag, and become 304 where the client has them already.

    Downloads get none: they are sent while they are made, and may be larger than memory should hold.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def hold(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message if _is_tagged(message) else None
                if start is None:
                    await send(message)
                return
            if start is None:
                await send(message)
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(scope, start, body, send)

        await self.app(scope, receive, hold)

    async def _finish(self, scope: Scope, start: Message, body: bytes, send: Send) -> None:
        headers = MutableHeaders(raw=start["headers"])
        tag = headers.setdefault("ETag", etag(body))
        headers.setdefault("Cache-Control", "private, no-cache")
        wanted = Headers(scope=scope).get("if-none-match")
        if wanted is not None and _matches(wanted, tag, weak=True):
            del headers["content-length"]
            del headers["content-type"]
            await send({**start, "status": int(HTTPStatus.NOT_MODIFIED)})
            await send({"type": "http.response.body", "body": b""})
            return
        await send(start)
        await send({"type": "http.response.body", "body": body})


def _passing(start: Message) -> bool:
    return "no-store" in Headers(raw=start["headers"]).get("cache-control", "")
