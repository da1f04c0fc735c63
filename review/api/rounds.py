"""Rounds: what was done in each, and what was decided on which evidence."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import Field

from review.accounts.identity import Lead
from review.api.cursors import Cursor, Limit, Page, after, cursor_after
from review.api.place import RunOf
from review.api.problem import Refused
from review.api.shape import Shape
from store.run import RunStore

router = APIRouter(tags=["rounds"])


class StageDone(Shape):
    stage: str
    seconds: float
    counts: dict[str, Any]


class DecisionMade(Shape):
    """What became of a candidate, and why."""

    kind: str
    policy: str = Field(description="The revision that is the policy from here on.")
    candidate: str | None
    incumbent: str | None
    judge_only: str | None = Field(description="What the judge's word alone would have decided.")
    audited: bool
    reason: str
    evidence: dict[str, Any]
    created_at: datetime


class RoundShown(Shape):
    round: int
    stages: list[StageDone]
    decisions: list[DecisionMade] = Field(description="Oldest first; a person may have set the policy later.")


@router.get("/v1/runs/{run}/rounds", summary="The rounds of a run, first to last")
def list_rounds(_: Lead, run: RunOf, cursor: Cursor = None, limit: Limit = 50) -> Page[RoundShown]:
    question = f"rounds {run.name}"
    key = after(question, cursor, (int,))
    rest = [one for one in _rounds(run) if key is None or one.round > int(key[0])]
    page = rest[:limit]
    return Page(items=page, next=cursor_after(question, (page[-1].round,)) if len(rest) > limit else None)


@router.get("/v1/runs/{run}/rounds/{round}", summary="One round and the evidence of its decision")
def show_round(_: Lead, run: RunOf, round: Annotated[int, Path(ge=0, le=1_000_000)]) -> RoundShown:
    for one in _rounds(run):
        if one.round == round:
            return one
    raise Refused(404, f"Run {run.name!r} has no round {round} with a finished stage.")


def _rounds(run: RunStore) -> list[RoundShown]:
    stages: dict[int, list[StageDone]] = {}
    decisions: dict[int, list[DecisionMade]] = {}
    for marker in run.markers():
        done = StageDone(stage=marker.stage, seconds=marker.seconds, counts=marker.counts)
        stages.setdefault(marker.round, []).append(done)
    for decision in run.decisions():
        made = DecisionMade(**decision.model_dump(exclude={"round"}))
        decisions.setdefault(decision.round, []).append(made)
    return [
        RoundShown(round=round, stages=stages.get(round, []), decisions=decisions.get(round, []))
        for round in sorted({*stages, *decisions})
    ]
