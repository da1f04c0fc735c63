"""One round: what was known and decided, and its held-out answers before and after; two rounds side by side.

Which answer is the candidate's tells a reviewer what they must not know while they are to compare the two, so
prompts with a comparison that is withheld from the viewer are left out here, and counted.
"""

from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from review.accounts.identity import Lead
from review.visible import visible
from review.web.board import Board
from review.web.left_out import prompts_left_out
from review.web.run import OneRun
from review.web.site import page
from review.worddiff import Piece, word_diff
from store.records import Decision
from store.side_by_side import Both, SideBySide, Spoken

router = APIRouter()
PAGE: Final = 20
Place = Annotated[int, Query(ge=-1, le=2**53)]


@dataclass(frozen=True)
class Answers:
    """A prompt with two answers; `words` are their differences, None where they are too long for that."""

    prompt: str
    one: str
    other: str
    words: list[Piece] | None

    @property
    def same(self) -> bool:
        return self.one == self.other


@router.get("/runs/{run}/rounds/{index}")
def one_round(request: Request, viewer: Lead, run: OneRun, index: int, after: Place = -1) -> Response:
    """The round's figures, its decision, and the incumbent's answers beside the candidate's."""
    board = Board(run)
    summary = next((round for round in board.rounds if round.index == index), None)
    if summary is None:
        raise HTTPException(404, f"Run {run.name!r} has no round {index} yet.")
    decision = _decision(board, index)
    answers: list[Both] = []
    hidden = prompts_left_out(run, viewer.name)
    if decision is not None and decision.candidate and decision.incumbent:
        one, other = Spoken(index, decision.incumbent), Spoken(index, decision.candidate)
        answers = SideBySide(run.database, run.name).page(one, other, after=after, limit=PAGE, less=hidden)
    return page(
        request, viewer, "rounds/one.html",
        run=run.record, board=board, round=summary, decision=decision, audit=board.audits.get(index),
        answers=[_told(both) for both in answers],
        next=answers[-1].position if len(answers) == PAGE else None,
        hidden=len(hidden),
        others=[round.index for round in board.rounds],
    )  # fmt: skip


@router.get("/runs/{run}/compare")
def compare(
    request: Request,
    viewer: Lead,
    run: OneRun,
    a: Annotated[int | None, Query(ge=1, le=10**6)] = None,
    b: Annotated[int | None, Query(ge=1, le=10**6)] = None,
    after: Place = -1,
) -> Response:
    """The candidates of two rounds: their figures, and their answers to the same prompts."""
    board = Board(run)
    candidates = {d.round: d.candidate for d in board.decisions if d.kind != "rollback" and d.candidate}
    weighed = [round.index for round in board.rounds if round.index in candidates]
    if len(weighed) >= 2 and (a is None or b is None):
        return RedirectResponse(f"/runs/{quote(run.name)}/compare?a={weighed[-2]}&b={weighed[-1]}", 303)
    answers: list[Both] = []
    hidden = prompts_left_out(run, viewer.name)
    chosen = [round for index in (a, b) for round in board.rounds if round.index == index]
    if len(chosen) == 2 and a in weighed and b in weighed:
        sides = [Spoken(round.index, candidates[round.index]) for round in chosen]
        answers = SideBySide(run.database, run.name).page(
            sides[0], sides[1], after=after, limit=PAGE, less=hidden
        )
    return page(
        request, viewer, "rounds/compare.html",
        run=run.record, board=board, rounds=chosen, weighed=weighed, a=a, b=b,
        answers=[_told(both) for both in answers],
        next=answers[-1].position if len(answers) == PAGE else None,
        hidden=len(hidden),
    )  # fmt: skip


def _decision(board: Board, index: int) -> Decision | None:
    return next((d for d in board.decisions if d.round == index and d.kind != "rollback"), None)


def _told(both: Both) -> Answers:
    return Answers(
        visible(both.prompt), visible(both.one), visible(both.other), word_diff(both.one, both.other)
    )
