"""The outermost layer: what holds for every request and every answer, errors and other applications' included.

Refused here: a Host that is not ours (a page elsewhere that made its own name point here), a body too large or of
two lengths, and a change that another site's page sends with our cookie. Added here: the headers that tell a browser
what a page may do. HEAD is answered as GET is, of which only the head is sent. What fails inside is logged with a
number, and the answer names the number and nothing else.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from review.accounts.identity import SAFE
from review.web.site import Site

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: forms would then be sent with `Origin: null`, which no check can tell from another site's.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_TRANSPORT: Final = "max-age=31536000"
_log = logging.getLogger(__name__)

Failure = Callable[[Request, int, str], Response]
"""Makes the answer to a request that was refused or that failed: status and what to tell."""


BODY_SECONDS: Final = 60.0
"""How long a body may take to come, all of it."""
REFUSED_SECONDS, REFUSED_BYTES = 5.0, 8 * 2**20
"""How much of a body is let come before the answer that refuses it, so that its sender reads why."""
_TOO_LARGE: Final = "This is more than the server takes at once."


class TooLarge(HTTPException):
    """The body went past the limit while it was read. Of this kind, because readers of bodies let it pass."""

    def __init__(self) -> None:
        super().__init__(413, _TOO_LARGE)


class TooSlow(HTTPException):
    """The body did not come in time."""

    def __init__(self) -> None:
        super().__init__(408, "The request did not come to its end in time.", headers={"Connection": "close"})


class Guard:
    """ASGI middleware around the whole application. `failure` makes error pages."""

    def __init__(self, app: ASGIApp, site: Site, failure: Failure) -> None:
        self._app = app
        self._site = site
        self._failure = failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        settings = self._site.settings
        number = secrets.token_hex(8)
        scope.setdefault("state", {}).update(
            site=self._site, desk=self._site.desk, secure=settings.secure, number=number
        )
        body = _Body(receive, settings.max_request)
        answer = _Answer(send, body, secure=settings.secure, bare=scope["method"] == "HEAD")
        if answer.bare:
            scope = {**scope, "method": "GET"}  # the same answer, of which only the head is sent
        request = Request(scope, receive)
        refusal = self._refusal(request)
        if refusal is not None:
            await self._failure(request, *refusal)(scope, receive, answer)
            return
        try:
            await self._app(scope, body, answer)
        except (TooLarge, TooSlow) as error:
            if not answer.started:
                await self._failure(request, error.status_code, error.detail)(scope, receive, answer)
        except Exception as error:
            _log.error("request %s: %s %s failed", number, scope["method"], _route(scope), exc_info=error)
            if answer.started:
                raise  # the connection is broken off: half an answer must not look like a whole one
            told = f"The server failed to answer this. Its log says why, under {number}."
            await self._failure(request, 500, told)(scope, receive, answer)

    def _refusal(self, request: Request) -> tuple[int, str] | None:
        settings = self._site.settings
        if not settings.knows(request.headers.get("Host", "")):
            return 400, "This server does not go by this name. Start it with --allow-host for another."
        if request.method not in SAFE and not _own(request, settings.url):
            return 403, "This was sent from another site."
        if "Content-Length" in request.headers and "Transfer-Encoding" in request.headers:
            return 400, "This request has two lengths."  # a proxy could have taken the other one
        length = request.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > settings.max_request:
            return 413, _TOO_LARGE
        return None


def _own(request: Request, site: str) -> bool:
    """Whether a change comes from one of our own pages, or from a program that sends no cookies of its own accord."""
    headers = request.headers
    if headers.get("Authorization", "").lower().startswith("bearer "):
        return True
    if headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        return False
    origin = headers.get("Origin")
    # A proxy may have put its own name for us into Host: the address that browsers know is as good.
    return origin is None or origin == site or origin.partition("://")[2] == headers.get("Host", "")


def _route(scope: Scope) -> str:
    """The route's pattern: an address can hold the secret of a link."""
    return getattr(scope.get("route"), "path", "(no route)")


class _Body:
    """The body as the application reads it: bounded in size and time. Raises TooLarge and TooSlow."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._taken = 0
        self._ended = False
        self._deadline = asyncio.get_running_loop().time() + BODY_SECONDS

    async def __call__(self) -> Message:
        if self._ended:  # what comes now is the end of the connection, whenever that is
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._take()
        except TimeoutError:
            raise TooSlow from None
        if self._taken > self._limit:
            raise TooLarge
        return message

    async def let_come(self) -> None:
        """Read what is left of it, within bounds: a connection closed on unread bytes takes its answer back."""
        with suppress(TimeoutError):
            async with asyncio.timeout(REFUSED_SECONDS):
                while not self._ended and self._taken <= REFUSED_BYTES:
                    await self._take()

    async def _take(self) -> Message:
        message = await self._receive()
        self._taken += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        return message


class _Answer:
    """Sends on, with the headers, and if `bare` without the body; knows whether an answer has begun."""

    def __init__(self, send: Send, body: _Body, *, secure: bool, bare: bool) -> None:
        self._send = send
        self._body = body
        self._secure = secure
        self.bare = bare
        self.started = False
        self._ended = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            if message["status"] >= HTTPStatus.BAD_REQUEST:
                await self._body.let_come()
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
            if self._secure:
                headers["Strict-Transport-Security"] = _TRANSPORT
        elif self.bare:
            if self._ended:
                return
            self._ended, message = True, {"type": "http.response.body", "body": b""}
        await self._send(message)
