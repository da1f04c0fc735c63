"""Overrides: a lead's correction of what judge and queue say of a comparison.

`POST` adds one, whatever stands there. `PUT` edits the one that its sender read: it names it by ETag in `If-Match`, so
that of two leads who correct the same comparison the second sees what the first said.
"""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Header, Path, Response
from pydantic import Field

from review import overrides
from review.accounts.identity import JournalOf, Lead, Viewer
from review.accounts.journal import Journal
from review.api.etags import etag, require_match
from review.api.once import OnceOnly
from review.api.place import RunOf
from review.api.problem import Refused
from review.api.shape import AnyJson, Reason, Shape, UnitId
from review.errors import UnknownItem
from store import tables
from store.errors import NotFound
from store.records import Label, LabelValue
from store.run import RunStore

router = APIRouter(tags=["overrides"])
ComparisonId = Annotated[str, Path(min_length=1, max_length=100)]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=400, description="The ETag of the override that you read; required."),
]


class OverrideEdit(Shape):
    """`value` is about the comparison's first sample; `withdrawn` takes your override back."""

    value: LabelValue
    reason: Reason = ""


class OverrideRequest(OverrideEdit):
    comparison_id: UnitId


class OverrideShown(Shape):
    label_id: str
    comparison_id: str
    value: LabelValue
    reviewer: str
    reason: str
    revision: int = Field(ge=0)
    created_at: datetime


class OverrideState(Shape):
    """What overrides say of a comparison now."""

    comparison_id: str
    override: OverrideShown | None = Field(description="The latest that stands; null where there is none.")


@router.post("/v1/runs/{run}/overrides", status_code=201, summary="Correct what is said of a comparison")
def add_override(
    viewer: Lead, run: RunOf, body: OverrideRequest, once: OnceOnly, journal: JournalOf
) -> OverrideShown:
    def work() -> OverrideShown:
        return _shown(_correct(run, body.comparison_id, body, viewer, journal))

    return once.answer(viewer, body, OverrideShown, work)


@router.get("/v1/runs/{run}/overrides/{comparison_id}", summary="The override on a comparison, and its ETag")
def show_override(_: Lead, run: RunOf, comparison_id: ComparisonId) -> OverrideState:
    return _state(run, comparison_id)


@router.put("/v1/runs/{run}/overrides/{comparison_id}", summary="Edit the override that you read")
def edit_override(
    viewer: Lead,
    run: RunOf,
    comparison_id: ComparisonId,
    body: OverrideEdit,
    once: OnceOnly,
    response: Response,
    journal: JournalOf,
    if_match: IfMatch = None,
) -> OverrideState:
    def work() -> OverrideState:
        with run.database.together():
            _lock(run, comparison_id)
            require_match(if_match, _tag(_state(run, comparison_id)))
            _correct(run, comparison_id, body, viewer, journal)
            return _state(run, comparison_id)

    state = once.answer(viewer, body, OverrideState, work)
    response.headers["ETag"] = _tag(state)
    return state


def _correct(
    run: RunStore, comparison_id: str, edit: OverrideEdit, viewer: Viewer, journal: Journal
) -> Label:
    with run.database.together():
        label = overrides.override(run, comparison_id, viewer.name, edit.value, edit.reason)
        journal.record(viewer.actor, "comparison.override", comparison_id, run=run.name, label=label.id)
    return label


def _lock(run: RunStore, comparison_id: str) -> None:
    """Keep other edits of this comparison's override waiting. Raises UnknownItem."""
    table = tables.comparisons
    query = (
        sa.select(table.c.id).where(table.c.run == run.name, table.c.id == comparison_id).with_for_update()
    )
    with run.database.write() as connection:
        if connection.scalar(query) is None:
            raise UnknownItem(f"run {run.name!r} has no comparison {comparison_id!r}")


def _state(run: RunStore, comparison_id: str) -> OverrideState:
    try:
        run.comparison(comparison_id)
    except NotFound as error:
        raise Refused(HTTPStatus.NOT_FOUND, f"Run {run.name!r} has no such comparison.") from error
    standing = [label for label in run.labels_on(comparison_id) if label.source == "override"]
    latest = max(standing, key=lambda label: (label.created_at, label.id), default=None)
    return OverrideState(comparison_id=comparison_id, override=_shown(latest) if latest else None)


def _tag(state: OverrideState) -> str:
    """The tag that a read of this state answers with."""
    return etag(bytes(AnyJson(state.model_dump(mode="json")).body))


def _shown(label: Label) -> OverrideShown:
    return OverrideShown(
        label_id=label.id,
        comparison_id=label.comparison_id,
        value=label.value,
        reviewer=label.reviewer,
        reason=label.reason,
        revision=label.revision,
        created_at=label.created_at,
    )
