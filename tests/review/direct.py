"""Ask an application without a network: each of its routes. Of a stream of events only the first part is read.

Such a stream never ends by itself, so whoever asks every route must be able to hang up.
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any, NamedTuple
from urllib.parse import urlencode

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.datastructures import Headers
from starlette.routing import Mount

from review.accounts.identity import COOKIES, CSRF_HEADER, Requires
from review.accounts.secret import derived

SITE = "http://127.0.0.1:8000"


class Route(NamedTuple):
    """A way to ask: a method and a path whose parameters are filled in, and what the route declares."""

    method: str
    pattern: str
    path: str
    declared: tuple[Requires, ...]
    queries: tuple[str, ...] = ()
    """Names of what may stand behind the question mark."""


@dataclass
class Answer:
    status: int
    headers: Headers
    body: bytes

    @property
    def cookies(self) -> SimpleCookie:
        return SimpleCookie("; ".join(self.headers.getlist("set-cookie")))


def routes(app: FastAPI, prefix: str = "") -> Iterator[Route]:
    """Every route of an application and of those mounted in it, method by method."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, Mount):
            assert isinstance(route.app, FastAPI), f"{route.path}: not an application of routes"
            yield from routes(route.app, prefix + route.path)
            continue
        pattern = prefix + str(context.path)
        path = re.sub(r"\{[^}]*\}", "1", pattern)
        for method in sorted(context.methods or ()):
            queries = tuple(sorted(set(_queries(context.dependant))))
            yield Route(method, pattern, path, tuple(_declared(context.dependant)), queries)


def _declared(dependant: Dependant) -> Iterator[Requires]:
    for one in dependant.dependencies:
        if isinstance(one.call, Requires):
            yield one.call
        yield from _declared(one)


def _queries(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for one in dependant.dependencies:
        yield from _queries(one)


def ask(
    app: FastAPI,
    method: str,
    path: str,
    *,
    session: str | None = None,
    token: str | None = None,
    csrf: bool = True,
    headers: dict[str, str] | None = None,
    form: dict[str, str] | None = None,
    body: bytes = b"",
) -> Answer:
    """One request as a browser on our own page would send it. `csrf=False` leaves the session's own token out."""
    sent = {"host": SITE.partition("//")[2], "origin": SITE, "sec-fetch-site": "same-origin"}
    if session is not None:
        sent["cookie"] = f"{COOKIES[False]}={session}"
        if csrf:
            sent[CSRF_HEADER.lower()] = derived(session, "csrf")
    if token is not None:
        sent = {"host": sent["host"], "authorization": f"Bearer {token}"}
    if form is not None:
        body = urlencode(form).encode()
        sent["content-type"] = "application/x-www-form-urlencoded"
    if body:
        sent["content-length"] = str(len(body))
    sent |= {name.lower(): value for name, value in (headers or {}).items()}
    return asyncio.run(_ask(app, method, path, {name: v for name, v in sent.items() if v}, body))


async def _ask(app: FastAPI, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
    plain, _, query = path.partition("?")
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": plain, "raw_path": plain.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("192.0.2.1", 40000), "server": ("127.0.0.1", 8000), "state": {},
    }  # fmt: skip
    arrived, finished = asyncio.Event(), Answer(0, Headers(), b"")
    parts = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if parts:
            return parts.pop()
        await asyncio.Event().wait()  # connected, and silent
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            finished.status, finished.headers = message["status"], Headers(raw=list(message["headers"]))
        elif message["type"] == "http.response.body":
            finished.body += message.get("body", b"")
            endless = finished.headers.get("content-type", "").startswith("text/event-stream")
            if endless or not message.get("more_body", False):
                arrived.set()

    asked = asyncio.ensure_future(app(scope, receive, send))  # type: ignore[arg-type]
    first = asyncio.ensure_future(arrived.wait())
    await asyncio.wait({asked, first}, return_when=asyncio.FIRST_COMPLETED)
    for task in (asked, first):
        task.cancel()
    results = await asyncio.gather(asked, first, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
    return finished
