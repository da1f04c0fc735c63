"""What people's labels say of the judge and of people, and where the queue stands: sums, never a single comparison."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from review.accounts.identity import Lead
from review.api.place import RunOf
from review.api.shape import Shape
from review.estimates.audit import audit
from review.estimates.report import AuditReport
from review.simulated import SIMULATED
from store.figures import Figures
from store.records import Lane, Purpose

router = APIRouter(tags=["estimates"])


class LaneShown(Shape):
    """How far one lane of one draw is, in items."""

    round: int
    purpose: Purpose
    lane: Lane
    drawn: int
    labelled: int
    simulated: int
    skipped: int
    open: int
    held: int
    done: int


class Lanes(Shape):
    items: list[LaneShown]


@router.get(
    "/v1/runs/{run}/estimates/{round}", summary="How often people side against the judge, with intervals"
)
def show_estimate(
    _: Lead,
    run: RunOf,
    round: Annotated[int, Path(ge=0, le=1_000_000)],
    purpose: Annotated[
        Literal["train", "gate"], Query(description="The round's own comparisons, or held-out ones.")
    ] = "train",
) -> AuditReport:
    """From the blind labels of the random lane alone. What the server keeps is told, which follows labels in steps."""
    kept = Figures(run.database, run.name).one((round, purpose, "audit"))
    return AuditReport.model_validate(kept.value) if kept else audit(run, round, purpose)


@router.get("/v1/runs/{run}/lanes", summary="How far every draw of the queue is")
def list_lanes(viewer: Lead, run: RunOf) -> Lanes:
    return Lanes(items=[LaneShown(**vars(lane)) for lane in run.lane_status(SIMULATED, viewer.name)])
