"""Batches: one's own votes beside what the judge and others said, shown when the run shows them.

Looking at a batch is a deed, and so a button: it is recorded, and from then on one's labels on these comparisons are
not blind. Where reviewer and judge disagree comes first, because that is what there is to learn.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from review.accounts.identity import JournalOf, Lead, OwnAccount
from review.overrides import override
from review.questions import Choice, choice_of, value_of
from review.queue import vote
from review.rendering import LONGEST, render
from review.reveals import BatchState, RevealedVote, batches, reveal, reveal_mode, revealed_votes
from review.web.hotkeys import ACTIONS
from review.web.language import gettext, number
from review.web.script_texts import SCRIPT_TEXTS
from review.web.site import page, site_of
from store.records import Label
from store.run import RunStore

router = APIRouter()

CHOICES: Final = {action.name: action.title for action in ACTIONS if action.group == "verdict"}
_CUT: Final = SCRIPT_TEXTS["cut"]
Reason = Annotated[str, Form(max_length=4000)]


def shown(text: str) -> Markup:
    """What a model wrote, as a fragment of the page; a cut is told in words."""
    made = render(text)
    if len(text) > LONGEST:
        plain = f'<p class="cut">{LONGEST:,} / {len(text):,}</p>'
        told = gettext(_CUT, shown=number(LONGEST), all=number(len(text)))
        made = made.replace(plain, f'<p class="cut">{Markup.escape(told)}</p>')
    return Markup(made)


@router.get("/review/{run}/batches")
def list_batches(request: Request, viewer: OwnAccount, run: str) -> Response:
    scope = site_of(request).store.run(run)
    return page(
        request,
        viewer,
        "batches.html",
        run=run,
        mode=reveal_mode(scope),
        batches=list(reversed(batches(scope, viewer.name))),
    )


@router.get("/review/{run}/batches/{batch}")
def one_batch(request: Request, viewer: OwnAccount, run: str, batch: int) -> Response:
    """What was shown of a batch before; a question whether to look, where nothing was."""
    scope = site_of(request).store.run(run)
    state = _state(scope, viewer.name, batch)
    labels = scope.votes(viewer.name, (batch - 1) * state.size, state.size)
    seen = scope.revealed(viewer.name, [label.comparison_id for label in labels])
    votes = list(revealed_votes(scope, [label for label in labels if label.comparison_id in seen]))
    if not votes:
        return page(request, viewer, "batch_closed.html", run=run, state=state, mode=reveal_mode(scope))
    votes.sort(key=_interest)
    return page(
        request,
        viewer,
        "batch.html",
        run=run,
        state=state,
        votes=votes,
        held_back=len(labels) - len(votes),
        agreed=sum(vote.agrees is True for vote in votes),
        disagreed=sum(vote.agrees is False for vote in votes),
        overrides=_overrides(scope, votes),
        choices=CHOICES,
        choice_of=choice_of,
        shown=shown,
    )


@router.post("/review/{run}/batches/{batch}/reveal")
def look(request: Request, viewer: OwnAccount, run: str, batch: int) -> Response:
    reveal(site_of(request).store.run(run), viewer.name, batch)
    return RedirectResponse(request.url_for("one_batch", run=run, batch=batch).path, HTTPStatus.SEE_OTHER)


@router.post("/review/{run}/batches/{batch}/revise")
def revise(
    request: Request,
    viewer: OwnAccount,
    run: str,
    batch: int,
    item_id: Annotated[str, Form(max_length=100)],
    choice: Annotated[Choice, Form()],
    reason: Reason = "",
) -> Response:
    """Another opinion of one's own: recorded as not blind, so that it enters no estimate."""
    scope = site_of(request).store.run(run)
    _own(scope, viewer.name, batch, item_id)
    vote(scope, item_id, viewer.name, choice, reason=reason)
    return _back(request, run, batch, item_id)


@router.post("/review/{run}/batches/{batch}/override")
def correct(
    request: Request,
    viewer: Lead,
    run: str,
    batch: int,
    item_id: Annotated[str, Form(max_length=100)],
    choice: Annotated[Choice, Form()],
    journal: JournalOf,
    reason: Reason = "",
) -> Response:
    """What holds from now on, whatever judge and queue say; the next pairs are made of it."""
    scope = site_of(request).store.run(run)
    label = _own(scope, viewer.name, batch, item_id)
    value = value_of(choice, swapped=label.swapped)
    with scope.database.together():
        made = override(scope, label.comparison_id, viewer.name, value, reason)
        journal.record(viewer.actor, "comparison.override", label.comparison_id, run=run, label=made.id)
    return _back(request, run, batch, item_id)


def _interest(vote: RevealedVote) -> int:
    return {False: 0, None: 1, True: 2}[vote.agrees]


def _overrides(scope: RunStore, votes: Sequence[RevealedVote]) -> dict[str, Label]:
    """The override that stands on each comparison, by its id."""
    said = scope.labels_on(*[one.label.comparison_id for one in votes])
    return {label.comparison_id: label for label in said if label.source == "override"}


def _state(scope: RunStore, reviewer: str, batch: int) -> BatchState:
    states = batches(scope, reviewer)
    if not 1 <= batch <= len(states):
        raise HTTPException(404, "You have no such batch in this run.")
    return states[batch - 1]


def _own(scope: RunStore, reviewer: str, batch: int, item_id: str) -> Label:
    """The reviewer's label on an item of a batch they were shown. Raises 404 and 409."""
    state = _state(scope, reviewer, batch)
    for label in scope.votes(reviewer, (batch - 1) * state.size, state.size):
        if label.item_id == item_id:
            if scope.revealed(reviewer, [label.comparison_id]):
                return label
            raise HTTPException(409, "Look at the batch first.")
    raise HTTPException(404, "There is no such vote in this batch.")


def _back(request: Request, run: str, batch: int, item_id: str) -> Response:
    path = request.url_for("one_batch", run=run, batch=batch).path
    return RedirectResponse(f"{path}?done=saved#{item_id}", HTTPStatus.SEE_OTHER)
