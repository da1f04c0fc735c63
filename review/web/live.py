"""A page that follows a run: told that something changed by server-sent events, or asking where those do not come.

Only that it changed is told, never what: the page then fetches itself again, so there is one way to see anything, and
one place that decides who may.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import APIRouter, FastAPI, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from review.accounts.identity import Lead
from review.keeper import Keeper
from review.web.run import OneRun

router = APIRouter()
_LOOK_S: Final = 1.0
_LONGEST_S: Final = 300.0
"""After this the browser comes again by itself, and is asked anew who it is."""


@asynccontextmanager
async def keeping(app: FastAPI) -> AsyncIterator[None]:
    """The application's life: the books are kept while it lasts."""
    keeper: Keeper = app.state.keeper
    keeper.start()
    try:
        yield
    finally:
        await asyncio.to_thread(keeper.stop)


def look(request: Request, run: str) -> str:
    """Say that somebody looks at the run; what is returned changes when its figures do."""
    keeper: Keeper = request.app.state.keeper
    return keeper.look(run)


@router.get("/runs/{run}/live")
async def live(request: Request, _viewer: Lead, run: OneRun) -> EventSourceResponse:
    async def changes() -> AsyncIterator[ServerSentEvent]:
        seen: str | None = None
        for _ in range(int(_LONGEST_S / _LOOK_S)):
            pulse = look(request, run.name)
            if pulse != seen:
                seen = pulse
                yield ServerSentEvent(pulse, event="pulse", retry=2000)
            await asyncio.sleep(_LOOK_S)

    return EventSourceResponse(changes(), ping=20)


@router.get("/runs/{run}/pulse")
def pulse(request: Request, _viewer: Lead, run: OneRun) -> dict[str, str]:
    """The same, for a page that no events reach."""
    return {"pulse": look(request, run.name)}
