"""The judge's decisions: looked through, searched, and one with all that it came from and went into.

What is withheld from the viewer is left out of the list and counted by round, never by what was searched for: the
count must not tell what the judge said. One that is withheld is a page without a word about it, and a button.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, get_args
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field, field_validator
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from review.accounts.identity import Lead
from review.blinding import is_withheld, withheld, withheld_ids
from review.errors import ReviewError
from review.overrides import override
from review.reveals import unblind
from review.web.decision import Told, known_of, tell
from review.web.left_out import comparisons_left_out
from review.web.run import OneRun
from review.web.site import page, site_of
from store.catalogue import Catalogue, People, Wanted
from store.catalogue_tables import catalogue
from store.cataloguing import Unit
from store.errors import NotFound
from store.records import LabelValue
from store.run import RunStore

router = APIRouter()
PAGE: Final = 50
_HERE: Final = "/runs/{run}/decisions"


class Asked(BaseModel):
    """The search as its form sends it: empty fields are open."""

    round: int | None = Field(default=None, ge=0, le=10**6)
    purpose: str = Field(default="", max_length=20)
    principle: str = Field(default="", max_length=100)
    at_least: float | None = Field(default=None, ge=50, le=100)
    at_most: float | None = Field(default=None, ge=50, le=100)
    flip: str = Field(default="", max_length=3)
    scored: str = Field(default="", max_length=3)
    people: str = Field(default="", max_length=20)
    text: str = Field(default="", max_length=200)
    before: int | None = Field(default=None, ge=0, le=2**53)

    @field_validator("round", "at_least", "at_most", "before", mode="before")
    @classmethod
    def _open(cls, value: Any) -> Any:
        return None if value == "" else value

    @property
    def wanted(self) -> Wanted:
        known: Mapping[str, People] = {name: name for name in get_args(People)}
        return Wanted(
            round=self.round,
            purpose=self.purpose,
            principle=self.principle,
            at_least=None if self.at_least is None else self.at_least / 100,
            at_most=None if self.at_most is None else self.at_most / 100,
            flipped={"yes": True, "no": False}.get(self.flip),
            unscored={"yes": False, "no": True}.get(self.scored),
            people=known.get(self.people),
            text=self.text,
        )

    @property
    def narrowed(self) -> bool:
        """Whether anything is asked for."""
        return bool(self.model_dump(exclude={"before"}, exclude_defaults=True))

    def address(self, run: str, **changed: Any) -> str:
        """This search with some fields changed, as an address."""
        fields = {**self.model_dump(exclude={"before"}, exclude_none=True), **changed}
        return f"{_HERE.format(run=quote(run))}?{urlencode({k: v for k, v in fields.items() if v not in ('', None)})}"


@router.get("/runs/{run}/decisions")
def decisions(request: Request, viewer: Lead, run: OneRun, asked: Annotated[Asked, Query()]) -> Response:
    """Fifty at a time, newest first."""
    books = Catalogue(run.database, run.name)
    counted = books.counted()
    spans = books.worth_looking(asked.wanted, counted)
    hidden = withheld(run.name, viewer.name, catalogue.c.comparison_id)
    found = books.find(asked.wanted, spans, before=asked.before, limit=PAGE, less=hidden)
    return page(
        request, viewer, "decisions/list.html",
        run=run.record,
        asked=asked,
        rows=books.listed(found.rows),
        found=found,
        rounds=sorted({unit.round for unit in counted}),
        purposes=sorted({unit.purpose for unit in counted}),
        principles=sorted({id for counts in counted.values() for id in counts["principles"]}),
        total=_total(counted, asked),
        hidden=comparisons_left_out(run, viewer.name, asked.round, asked.purpose or None),
    )  # fmt: skip


@router.get("/runs/{run}/decisions/{verdict_id}")
def decision(request: Request, viewer: Lead, run: OneRun, verdict_id: str) -> Response:
    """One decision with its provenance; nothing of it while it is withheld."""
    comparison_id = _comparison_of(run, verdict_id)
    told: Told | None = None
    if not is_withheld(run, viewer.name, comparison_id):
        told = tell(site_of(request).store, run, verdict_id, lambda ids: withheld_ids(run, viewer.name, ids))
    values = get_args(LabelValue)
    return page(
        request,
        viewer,
        "decisions/one.html",
        run=run.record,
        verdict_id=verdict_id,
        told=told,
        values=values,
        known_of=known_of,
    )


@router.get("/runs/{run}/comparisons/{comparison_id}")
def comparison(_viewer: Lead, run: OneRun, comparison_id: str) -> Response:
    """A comparison's permalink: on to the judge's first decision on it."""
    verdicts = run.verdicts_on(comparison_id)
    if not verdicts:
        raise HTTPException(404, f"Run {run.name!r} has no decision on {comparison_id!r}.")
    return RedirectResponse(f"{_HERE.format(run=quote(run.name))}/{verdicts[0].id}", 303)


@router.post("/runs/{run}/decisions/{verdict_id}/unblind")
def show(request: Request, viewer: Lead, run: OneRun, verdict_id: str) -> Response:
    """The lead asks to see it: written down, and what they say of it from here on is not blind."""
    comparison = run.comparison(_comparison_of(run, verdict_id))
    unblind(run, comparison, viewer.name)
    journal = site_of(request).desk.journal
    journal.record(viewer.actor, "comparison.unblind", comparison.id, run=run.name)
    return RedirectResponse(f"{_HERE.format(run=quote(run.name))}/{verdict_id}", 303)


@router.post("/runs/{run}/decisions/{verdict_id}/override")
def correct(
    request: Request,
    viewer: Lead,
    run: OneRun,
    verdict_id: str,
    value: Annotated[LabelValue, Form()],
    reason: Annotated[str, Form(max_length=4000)] = "",
) -> Response:
    """The lead's word in the place of judge and queue."""
    comparison_id = _comparison_of(run, verdict_id)
    if is_withheld(run, viewer.name, comparison_id):
        raise HTTPException(409, "This comparison is withheld from you: look at the decision first.")
    try:
        label = override(run, comparison_id, viewer.name, value, reason.strip())
    except ReviewError as error:
        raise HTTPException(409, str(error)) from error
    journal = site_of(request).desk.journal
    journal.record(viewer.actor, "comparison.override", comparison_id, run=run.name, label=label.id)
    return RedirectResponse(f"{_HERE.format(run=quote(run.name))}/{verdict_id}?done=saved", 303)


def _comparison_of(run: RunStore, verdict_id: str) -> str:
    """Raises 404."""
    try:
        return run.verdict(verdict_id).comparison_id
    except NotFound:
        raise HTTPException(404, f"Run {run.name!r} has no decision {verdict_id!r}.") from None


def _total(counted: Mapping[Unit, Mapping[str, Any]], asked: Asked) -> int:
    """How many there are of this round and purpose, whatever else is asked for."""
    return sum(
        int(counts["verdicts"])
        for unit, counts in counted.items()
        if asked.round in (None, unit.round) and asked.purpose in ("", unit.purpose)
    )
