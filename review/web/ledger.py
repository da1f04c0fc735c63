"""The ledger of labels: the overrides, and what every label did."""

from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from review.accounts.identity import Lead
from review.blinding import withheld_ids
from review.web.run import OneRun
from review.web.site import page
from store.corrections import Corrections
from store.effects import Effect, Effects, EffectStage
from store.errors import NotFound

router = APIRouter()
STAGES: tuple[str, ...] = get_args(EffectStage)
EFFECTS: tuple[str, ...] = get_args(Effect)
PAGE = 50


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
    """The newest overrides, and by page what each label did; what is withheld from the viewer is left out."""
    given: dict[str, Any] = {
        "stage": stage if stage in STAGES else "",
        "effect": effect if effect in EFFECTS else "",
    }
    try:
        found = Effects(run.database, run.name).effect_page(
            after=after or None,
            limit=PAGE,
            round=int(round) if round else None,
            reviewer=reviewer or None,
            **{name: value or None for name, value in given.items()},
        )
    except NotFound:
        raise HTTPException(404, "The ledger has no such page.") from None
    shown = {"round": round, "reviewer": reviewer, **given}
    corrections = [] if after or any(shown.values()) else Corrections(run.database, run.name).latest()
    about = {entry.comparison_id for entry in found.effects} | {one.comparison_id for one in corrections}
    hidden = withheld_ids(run, viewer.name, about)
    entries = [entry for entry in found.effects if entry.comparison_id not in hidden]
    return page(
        request, viewer, "run/ledger.html",
        run=run.record,
        entries=entries,
        corrections=[one for one in corrections if one.comparison_id not in hidden],
        hidden=len(found.effects) - len(entries),
        next=found.next,
        given=shown,
        stages=STAGES,
        effects=EFFECTS,
    )  # fmt: skip
