"""Error pages: in the look of the site for people, problem documents for programs. They tell nothing of the inside."""

import logging
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from review.accounts.errors import AccountError
from review.accounts.identity import SAFE, Viewer, recognised
from review.api.problem import problem_response
from review.errors import ReviewError, UnknownItem
from review.web.language import message
from review.web.site import page
from store.errors import NotFound, StoreBusy, StoreError

_log = logging.getLogger(__name__)
TITLES = {
    400: message("This request makes no sense"),
    403: message("This is not for you"),
    404: message("There is nothing here"),
    405: message("This cannot be done here"),
    408: message("The request took too long"),
    409: message("This cannot be done now"),
    413: message("This is too large"),
    422: message("Something in this form is not right"),
    429: message("Too many attempts"),
    500: message("The server failed"),
    503: message("The server is busy"),
}


def failure(
    request: Request, status: int, detail: str = "", headers: dict[str, str] | None = None
) -> Response:
    """The answer to a request that was refused or that failed."""
    if request.url.path.startswith("/api/"):
        return problem_response(status, detail, headers=headers)
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    title = TITLES.get(status, TITLES[400 if status < HTTPStatus.INTERNAL_SERVER_ERROR else 500])
    answer = page(request, viewer, "failure.html", status=status, title=title, detail=detail, code=status)
    answer.headers.update(headers or {})
    return answer


def tell_failures(app: FastAPI) -> None:
    """Have every refusal and failure of the pages answered in their own look."""

    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code == HTTPStatus.UNAUTHORIZED and not request.url.path.startswith("/api/"):
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            back = f"?next={quote(target)}" if request.method in SAFE and target != "/" else ""
            return RedirectResponse(f"/login{back}", HTTPStatus.SEE_OTHER)
        with suppress(StoreError):  # where there is no route nobody asked who it is, and the head shows it
            await recognised(request)
        phrase = HTTPStatus(error.status_code).phrase
        detail = error.detail if isinstance(error.detail, str) and error.detail != phrase else ""
        return failure(request, error.status_code, detail, dict(error.headers or {}))

    async def invalid(request: Request, _error: RequestValidationError) -> Response:
        return failure(request, 422)

    async def unknown(request: Request, error: NotFound | UnknownItem) -> Response:
        return failure(request, 404, str(error))

    async def busy(request: Request, error: StoreBusy) -> Response:
        _log.warning("request %s: %s", request.state.number, error)
        told = "The database is busy. Nothing was changed: try again."
        return failure(request, 503, told, {"Retry-After": "1"})

    async def conflict(request: Request, error: ReviewError) -> Response:
        return failure(request, 409, str(error))

    handlers: list[tuple[type[Exception], Any]] = [
        (HTTPException, http),
        (RequestValidationError, invalid),
        (NotFound, unknown),
        (UnknownItem, unknown),
        (StoreBusy, busy),
        (AccountError, conflict),
        (ReviewError, conflict),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)
