"""How large a request to the API may be: texts of people, not files."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from review.api.problem import problem_response

MAX_BODY = 1024 * 1024
"""Bytes."""
_TOLD = f"A request may have {MAX_BODY} bytes at most."


class BodyLimit:
    """Middleware: a body that is too large is refused, by what it says of its length or by what comes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        said = Headers(scope=scope).get("content-length", "0")
        if said.isdecimal() and int(said) > MAX_BODY:
            refusal = problem_response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOLD)
            await refusal(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MAX_BODY:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOLD)
            return message

        await self.app(scope, counted, send)
