"""People's labels, as leads see them: those on comparisons that are withheld from whoever asks are left out."""

from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Query
from pydantic import Field

from review.accounts.identity import Lead
from review.api.cursors import Cursor, Limit, Page, after, cursor_after
from review.api.place import RunOf
from review.api.shape import Shape
from review.blinding import withheld, withheld_count
from store import tables
from store.records import Label, LabelSource, LabelValue, Lane, Mark
from store.run import RunStore
from store.scope import columns_of

router = APIRouter(tags=["labels"])


class LabelShown(Shape):
    """An answer as it was stored; a later revision of the same reviewer takes its place, and does not change it."""

    id: str
    item_id: str
    comparison_id: str
    reviewer: str
    value: LabelValue = Field(description="In terms of the comparison's first sample.")
    marks: dict[str, Mark] = Field(description="By principle id: the better sample.")
    lane: Lane
    inclusion_probability: float
    swapped: bool = Field(description="Whether the first sample was shown on the right.")
    blind: bool
    source: LabelSource
    revision: int
    reason: str
    flagged: bool
    seconds: float | None
    created_at: datetime


class LabelPage(Page[LabelShown]):
    withheld: int = Field(ge=0, description="Comparisons of this run that are withheld from you now.")


@router.get("/v1/runs/{run}/labels", summary="Every label of a run, revisions included")
def list_labels(
    viewer: Lead,
    run: RunOf,
    reviewer: Annotated[str | None, Query(max_length=100)] = None,
    comparison_id: Annotated[str | None, Query(max_length=100)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> LabelPage:
    """In the order of their ids, so that one that comes meanwhile neither repeats nor hides another."""
    question = f"labels {run.name} {reviewer} {comparison_id}"
    key = after(question, cursor, (str,))
    page = _labels(run, viewer.name, reviewer, comparison_id, str(key[0]) if key else "", limit + 1)
    return LabelPage(
        items=[label_shown(label) for label in page[:limit]],
        next=cursor_after(question, (page[limit - 1].id,)) if len(page) > limit else None,
        withheld=withheld_count(run, viewer.name),
    )


def label_shown(label: Label) -> LabelShown:
    return LabelShown(**label.model_dump(include=set(LabelShown.model_fields)))


def _labels(
    run: RunStore, viewer: str, reviewer: str | None, comparison_id: str | None, last: str, limit: int
) -> list[Label]:
    table = tables.labels
    query = sa.select(*columns_of(Label, table)).where(
        table.c.run == run.name, table.c.id > last, ~withheld(run.name, viewer, table.c.comparison_id)
    )
    if reviewer is not None:
        query = query.where(table.c.reviewer == reviewer)
    if comparison_id is not None:
        query = query.where(table.c.comparison_id == comparison_id)
    with run.database.read() as connection:
        rows = connection.execute(query.order_by(table.c.id).limit(limit)).all()
    return [Label(**row._mapping) for row in rows]
