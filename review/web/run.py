"""The run that a page's address names."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from review.web.site import site_of
from store.errors import NotFound
from store.run import RunStore


def named_run(request: Request, run: str) -> RunStore:
    """Raises 404 where the store has no run of this name."""
    try:
        return site_of(request).store.run(run)
    except NotFound:
        raise HTTPException(404, f"There is no run {run!r}.") from None


OneRun = Annotated[RunStore, Depends(named_run)]
