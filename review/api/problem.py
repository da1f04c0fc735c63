"""Every refusal of the API as a problem document (RFC 9457, `application/problem+json`).

`type` is `about:blank` where the status says it all, and a URN where a program should tell two refusals of one status
apart. `detail` says what was wrong and what to do; it never repeats what was sent (it could be a password), a path of
the server, or a traceback. What went wrong inside is logged, and answered with a sentence that says so.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from review.api.shape import AnyJson
from review.errors import BadFile, ReviewError, UnknownItem
from store.errors import BadUnit, KeyReused, NotFound, StoreBusy

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger(__name__)


class Invalid(BaseModel):
    """One thing that is wrong with a request."""

    where: str = Field(description="Where it stands, such as `body.count`.")
    message: str


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str = Field(default="about:blank", description="Names the kind of problem.")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str = ""
    errors: list[Invalid] = Field(
        default_factory=list, description="Every invalid part, where there are any."
    )


class Refused(Exception):
    """A request that is answered with a problem of this status."""

    def __init__(
        self, status: int, detail: str, kind: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.kind, self.headers = status, detail, kind, headers


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of these refusals."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def problem_response(
    status: int,
    detail: str = "",
    kind: str = "",
    errors: list[Invalid] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    problem = Problem(
        type=f"urn:rlaif:problem:{kind}" if kind else "about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        errors=errors or [],
    )
    kept = {name: value for name, value in (headers or {}).items() if name.lower() != "content-type"}
    return AnyJson(problem.model_dump(), status, headers=kept, media_type=MEDIA_TYPE)


def answer_with_problems(api: FastAPI) -> None:
    """Have every refusal and failure of this application answered with a problem."""

    async def refused(_request: Request, error: Refused) -> Response:
        return problem_response(error.status, error.detail, error.kind, headers=error.headers)

    async def http(_request: Request, error: HTTPException) -> Response:
        phrase = HTTPStatus(error.status_code).phrase
        detail = error.detail if isinstance(error.detail, str) and error.detail != phrase else ""
        return problem_response(error.status_code, detail, headers=error.headers)

    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        found = [Invalid(where=_place(one["loc"]), message=str(one["msg"])) for one in error.errors()]
        return problem_response(
            422, "The request does not have the form that the API describes.", "invalid", found
        )

    async def unknown(_request: Request, error: NotFound | UnknownItem) -> Response:
        return problem_response(404, str(error))

    async def busy(_request: Request, error: StoreBusy) -> Response:
        _log.warning("%s", error)
        return problem_response(
            503,
            "The database is busy. Nothing was changed: send the request again.",
            headers={"Retry-After": "1"},
        )

    async def conflict(_request: Request, error: ReviewError | BadUnit) -> Response:
        return problem_response(409, str(error))

    async def bad_file(_request: Request, error: BadFile) -> Response:
        found = [
            Invalid(where=where, message=told) for where, _, told in (f.partition(": ") for f in error.faults)
        ]
        return problem_response(422, error.told, "bad-file", found)

    async def reused(_request: Request, error: KeyReused) -> Response:
        return problem_response(422, str(error), "idempotency-key-reused")

    handlers: list[tuple[type[Exception], Any]] = [
        (Refused, refused),
        (HTTPException, http),
        (RequestValidationError, invalid),
        (NotFound, unknown),
        (UnknownItem, unknown),
        (StoreBusy, busy),
        (BadFile, bad_file),
        (ReviewError, conflict),
        (KeyReused, reused),
        (BadUnit, conflict),
    ]
    for kind, handler in handlers:
        api.add_exception_handler(kind, handler)


class Failures:
    """Middleware: what fails inside is logged under the request's number, and answered with a problem that names it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            number = scope.get("state", {}).get("number", "")
            _log.error("request %s: %s failed", number, scope["method"], exc_info=error)
            told = f"The server failed to answer this. Its log says why, under {number}."
            await problem_response(500, told)(scope, receive, send)


def _place(location: tuple[int | str, ...]) -> str:
    """Where in the request; at most the first few steps of a deep one, each short."""
    return ".".join(str(step)[:80] for step in location[:6])
