"""The runs, and one run at a glance."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from review.accounts.identity import Lead
from review.web.board import Board
from review.web.live import look
from review.web.run import OneRun
from review.web.site import page, site_of
from store.run import RunStore

router = APIRouter()


@router.get("/runs")
def runs(request: Request, viewer: Lead) -> Response:
    """Every run, newest first, with its state, its policy and its last decision."""
    store = site_of(request).store
    boards = [Board(RunStore(store.database, run), "overview") for run in reversed(store.runs())]
    for board in boards:
        if not board.counted:
            look(request, board.run.name)
    return page(request, viewer, "run/list.html", boards=boards)


@router.get("/runs/{run}")
def dashboard(request: Request, viewer: Lead, run: OneRun) -> Response:
    """The sentence that matters, then all that stands behind it."""
    pulse = look(request, run.name)
    return page(request, viewer, "run/dashboard.html", board=Board(run), pulse=pulse, run=run.record)
