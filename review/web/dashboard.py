"""The runs, and one run at a glance."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from review.accounts.identity import Lead
from review.blinding import withheld_ids
from review.web.board import Board
from review.web.live import look
from review.web.run import OneRun
from review.web.site import page, site_of
from store.effects import Effects
from store.run import RunStore

router = APIRouter()
STAGES = ("pair", "gate", "audit", "calibration")
EFFECTS = ("added", "flipped", "dropped", "confirmed", "counted", "turned", "nothing")


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


@router.get("/runs/{run}/ledger")
def ledger(
    request: Request,
    viewer: Lead,
    run: OneRun,
    after: Annotated[str | None, Query(max_length=64)] = None,
    round: Annotated[str, Query(max_length=9, pattern=r"^\d*$")] = "",
    stage: Annotated[str, Query(max_length=20)] = "",
    effect: Annotated[str, Query(max_length=20)] = "",
    reviewer: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """What each label did."""
    given: dict[str, Any] = {
        "stage": stage if stage in STAGES else "",
        "effect": effect if effect in EFFECTS else "",
    }
    found = Effects(run.database, run.name).effect_page(
        after=after, limit=50, round=int(round) if round else None, reviewer=reviewer or None,
        **{name: value or None for name, value in given.items()},
    )  # fmt: skip
    shown = {"round": round, "reviewer": reviewer, **given}
    hidden = withheld_ids(run, viewer.name, {entry.comparison_id for entry in found.effects})
    entries = [entry for entry in found.effects if entry.comparison_id not in hidden]
    return page(
        request, viewer, "run/ledger.html",
        run=run.record, entries=entries, hidden=len(found.effects) - len(entries), next=found.next, given=shown,
        stages=STAGES, effects=EFFECTS,
    )  # fmt: skip
