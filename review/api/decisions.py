"""The judge's decisions: found, looked at, and unblinded one by one.

A comparison that is withheld from whoever asks is in no list, and is refused by its id; a lead may ask to see one all
the same, which is recorded: what they say of it afterwards is not blind.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import Field

from review.accounts.identity import JournalOf, Lead
from review.api.cursors import Cursor, Limit, Page, after, cursor_after
from review.api.labels import LabelShown, label_shown
from review.api.once import OnceOnly
from review.api.place import RunOf
from review.api.problem import Refused
from review.api.reveals import RevealedTurn
from review.api.shape import Shape
from review.blinding import is_withheld, withheld, withheld_count
from review.reveals import unblind
from store.catalogue import Catalogue, Listed, Wanted
from store.catalogue_tables import catalogue
from store.errors import NotFound
from store.records import Comparison, Lane, Purpose, Sample, Verdict
from store.run import RunStore

router = APIRouter(tags=["decisions"])
ComparisonId = Annotated[str, Path(min_length=1, max_length=100)]


class DecisionListed(Shape):
    """A verdict in a list; the texts are beginnings."""

    comparison_id: str
    verdict_id: str
    round: int
    purpose: str
    judge: str
    p_first: float | None
    confidence: float | None = Field(description="The probability of the side that the judge prefers.")
    flipped: bool | None
    unscored: str | None
    people: int | None = Field(
        description="1 where the labels that stand agree with the judge, -1 where they overrule it, 0 where one of "
        "the two takes no side; null without labels."
    )
    prompt: str
    first: str
    second: str


class DecisionPage(Page[DecisionListed]):
    withheld: int = Field(ge=0, description="Comparisons of this run that are withheld from you now.")
    stopped: bool = Field(
        description="The search took too long and goes on behind `next`; the page is not full."
    )


class Answer(Shape):
    sample_id: str
    policy: str
    text: str
    tokens: int


class VerdictShown(Shape):
    """What a judge said, in terms of the first sample."""

    id: str
    judge: str
    p_first: float | None
    p_first_shown_first: float | None
    p_first_shown_second: float | None
    p_tie: float | None
    flipped: bool | None
    rationale: str
    raw: str = Field(description="The judge's response as it came.")
    unscored: str | None
    prompt_hashes: list[str] = Field(description="Of the exact texts that the judge saw.")


class Drawn(Shape):
    """Why people were asked."""

    item_id: str
    lane: Lane
    inclusion_probability: float
    stratum: str
    reasons: list[str]
    overlap: int


class DecisionShown(Shape):
    comparison_id: str
    round: int
    purpose: Purpose
    constitution: str
    principles: list[str] = Field(description="Ids of those put to the judge; empty means all.")
    prompt: list[RevealedTurn]
    first: Answer
    second: Answer
    verdicts: list[VerdictShown]
    labels: list[LabelShown]
    items: list[Drawn]


@router.get("/v1/runs/{run}/decisions", summary="Search the judge's decisions, newest first")
def list_decisions(
    viewer: Lead,
    run: RunOf,
    round: Annotated[int | None, Query(ge=0, le=1_000_000)] = None,
    purpose: Purpose | None = None,
    principle: Annotated[str, Query(max_length=100)] = "",
    at_least: Annotated[float | None, Query(ge=0.5, le=1.0, description="Least confidence.")] = None,
    at_most: Annotated[float | None, Query(ge=0.5, le=1.0, description="Highest confidence.")] = None,
    flipped: bool | None = None,
    unscored: bool | None = None,
    people: Literal["agree", "overrule", "undecided", "any"] | None = None,
    text: Annotated[
        str, Query(max_length=200, description="Words in the prompt or an answer; `pho*` begins.")
    ] = "",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> DecisionPage:
    """Verdicts are listed once they are catalogued, which the server does a few seconds after they are stored."""
    wanted = Wanted(round, purpose, principle, at_least, at_most, flipped, unscored, people, text)
    question = f"decisions {run.name} {wanted}"
    key = after(question, cursor, (int,))
    store = Catalogue(run.database, run.name)
    page = store.find(
        wanted,
        store.spans(),
        before=int(key[0]) if key else None,
        limit=limit,
        less=withheld(run.name, viewer.name, catalogue.c.comparison_id),
    )
    return DecisionPage(
        items=[_listed(one) for one in store.listed(page.rows)],
        next=cursor_after(question, (page.next,)) if page.next is not None else None,
        withheld=withheld_count(run, viewer.name),
        stopped=page.stopped,
    )


@router.get("/v1/runs/{run}/decisions/{comparison_id}", summary="One decision, with all that was said of it")
def show_decision(viewer: Lead, run: RunOf, comparison_id: ComparisonId) -> DecisionShown:
    comparison = _comparison(run, comparison_id)
    if is_withheld(run, viewer.name, comparison.id):
        raise Refused(
            403,
            "People are still to answer this comparison, or you are. Ask to see it with POST …/unblind: what you say "
            "of it from then on is not blind.",
            "withheld",
        )
    return _decision(run, comparison)


@router.post(
    "/v1/runs/{run}/decisions/{comparison_id}/unblind", summary="See a decision that is withheld from you"
)
def unblind_decision(
    viewer: Lead, run: RunOf, comparison_id: ComparisonId, once: OnceOnly, journal: JournalOf
) -> DecisionShown:
    """It is recorded that you were shown it."""

    def work() -> DecisionShown:
        comparison = _comparison(run, comparison_id)
        with run.database.together():
            unblind(run, comparison, viewer.name)
            journal.record(viewer.actor, "comparison.unblind", comparison.id, run=run.name)
        return _decision(run, comparison)

    return once.answer(viewer, None, DecisionShown, work)


def _comparison(run: RunStore, id: str) -> Comparison:
    try:
        return run.comparison(id)
    except NotFound as error:
        raise Refused(404, f"Run {run.name!r} has no such comparison.") from error


def _listed(one: Listed) -> DecisionListed:
    values = one._asdict()
    del values["seq"]
    return DecisionListed(**values)


def _decision(run: RunStore, comparison: Comparison) -> DecisionShown:
    return DecisionShown(
        comparison_id=comparison.id,
        round=comparison.round,
        purpose=comparison.purpose,
        constitution=comparison.constitution,
        principles=list(comparison.principles),
        prompt=[RevealedTurn(role=turn.role, text=turn.content) for turn in comparison.prompt.messages],
        first=_answer(comparison.first),
        second=_answer(comparison.second),
        verdicts=[_verdict(verdict) for verdict in run.verdicts_on(comparison.id)],
        labels=[label_shown(label) for label in run.labels_on(comparison.id)],
        items=[
            Drawn(
                item_id=item.id,
                lane=item.lane,
                inclusion_probability=item.inclusion_probability,
                stratum=item.stratum,
                reasons=list(item.reasons),
                overlap=item.overlap,
            )
            for item in run.items_on(comparison.id)
        ],
    )


def _answer(sample: Sample) -> Answer:
    return Answer(sample_id=sample.id, policy=sample.policy, text=sample.text, tokens=sample.tokens)


def _verdict(verdict: Verdict) -> VerdictShown:
    kept = verdict.model_dump(include=set(VerdictShown.model_fields))
    return VerdictShown(**{**kept, "prompt_hashes": list(verdict.prompt_hashes), "flipped": verdict.flipped})
