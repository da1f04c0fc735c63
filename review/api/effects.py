"""The ledger: what each label changed."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from review.accounts.identity import Lead
from review.api.cursors import Cursor, Limit, Page, after, cursor_after
from review.api.place import RunOf
from review.api.problem import Refused
from review.api.shape import Shape
from review.blinding import withheld_ids
from store.effects import Effect, EffectStage, LabelEffect
from store.errors import NotFound

router = APIRouter(tags=["ledger"])


class EffectShown(Shape):
    """What one label changed in one stage of one round, and where it changed nothing, why."""

    id: str
    label_id: str
    comparison_id: str
    reviewer: str
    round: int
    stage: EffectStage
    effect: Effect
    why: str
    subject: str | None
    detail: dict[str, Any]
    created_at: datetime


class EffectsPage(Page[EffectShown]):
    withheld: int


@router.get("/v1/runs/{run}/effects", summary="What labels changed, by round and stage")
def list_effects(
    viewer: Lead,
    run: RunOf,
    round: Annotated[int | None, Query(ge=0, le=1_000_000)] = None,
    stage: EffectStage | None = None,
    effect: Effect | None = None,
    reviewer: Annotated[str | None, Query(max_length=100)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> EffectsPage:
    """Entries about comparisons that are withheld from you are left out: `withheld` counts those of this page."""
    question = f"effects {run.name} {round} {stage} {effect} {reviewer}"
    key = after(question, cursor, (str,))
    try:
        page = run.effect_page(
            after=str(key[0]) if key else None,
            limit=limit,
            round=round,
            stage=stage,
            effect=effect,
            reviewer=reviewer,
        )
    except NotFound as error:
        raise Refused(422, "This cursor is not one of this list.", "cursor") from error
    hidden = withheld_ids(run, viewer.name, {one.comparison_id for one in page.effects})
    shown = [one for one in page.effects if one.comparison_id not in hidden]
    return EffectsPage(
        items=[_shown(one) for one in shown],
        next=cursor_after(question, (page.next,)) if page.next is not None else None,
        withheld=len(page.effects) - len(shown),
    )


def _shown(effect: LabelEffect) -> EffectShown:
    return EffectShown(**effect.model_dump(include=set(EffectShown.model_fields)))
