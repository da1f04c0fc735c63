"""Runs: which there are, and for leads how they were configured."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from review.accounts.identity import Lead, Reviewer
from review.api.cursors import Cursor, Limit, Page, after, cursor_after
from review.api.masking import masked
from review.api.place import RunOf, StoreOf
from review.api.shape import Shape
from store.records import Run

router = APIRouter(tags=["runs"])


class RunListed(Shape):
    name: str
    created_at: datetime


class RunShown(RunListed):
    seed: int
    config_hash: str
    device: str
    config: dict[str, Any] = Field(description="As it was read when the run began; nothing secret is in it.")


@router.get("/v1/runs", summary="The runs of this store, oldest first")
def list_runs(_: Reviewer, store: StoreOf, cursor: Cursor = None, limit: Limit = 50) -> Page[RunListed]:
    key = after("runs", cursor, (str, str))
    rows = [(run.created_at.isoformat(), run.name, run) for run in store.runs()]
    rest = [row for row in rows if key is None or row[:2] > key]
    page = rest[:limit]
    return Page(
        items=[RunListed(name=run.name, created_at=run.created_at) for _, _, run in page],
        next=cursor_after("runs", page[-1][:2]) if len(rest) > limit else None,
    )


@router.get("/v1/runs/{run}", summary="One run and its configuration")
def show_run(_: Lead, run: RunOf) -> RunShown:
    return run_shown(run.record)


def run_shown(run: Run) -> RunShown:
    return RunShown(
        name=run.name,
        created_at=run.created_at,
        seed=run.seed,
        config_hash=run.config_hash,
        device=run.device,
        config=masked(run.config),
    )
