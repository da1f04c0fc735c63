"""Voting."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from review import queue
from review.accounts.identity import Reviewer
from review.api.cursors import Cursor, Limit, Page, after, cursor_after
from review.api.once import OnceOnly
from review.api.place import RunOf
from review.api.questions import Mine, mine_shown
from review.api.reveals import VoteRevealed, vote_revealed
from review.api.shape import Reason, Shape, UnitId
from review.questions import Choice, SideMark, choice_of
from review.reveals import mine, reveal_mode, revealed_votes

router = APIRouter(tags=["queue"])


class VoteRequest(Shape):
    item_id: UnitId
    choice: Choice
    marks: dict[UnitId, SideMark] = Field(
        default_factory=dict,
        max_length=200,
        description="By principle id: the side that does better under it.",
    )
    reason: Reason = ""
    flagged: bool = Field(default=False, description="Ask the lead to look at it.")
    seconds: float | None = Field(default=None, ge=0.0, le=86400.0, description="How long you looked.")


class VoteTaken(Shape):
    label_id: str
    item_id: str
    revision: int = Field(ge=0, description="0 for a first answer; changing it appends.")
    revealed: VoteRevealed | None = Field(
        description="What the judge said, where this run reveals at once; null otherwise."
    )
    mine: Mine


class OwnVote(Shape):
    """A vote of the caller's that stands, in terms of the sides as they were shown."""

    label_id: str
    item_id: str
    choice: Choice
    reason: str
    flagged: bool
    revision: int
    created_at: datetime


@router.post("/v1/runs/{run}/votes", status_code=201, summary="Answer a question")
def vote(viewer: Reviewer, run: RunOf, body: VoteRequest, once: OnceOnly) -> VoteTaken:
    """A vote is kept also when its lease has run out or others were quicker. Another answer appends a revision."""

    def work() -> VoteTaken:
        label = queue.vote(
            run,
            body.item_id,
            viewer.name,
            body.choice,
            marks=body.marks,
            reason=body.reason,
            flagged=body.flagged,
            seconds=body.seconds,
            key=once.key,
        )
        at_once = reveal_mode(run) == "at_once"
        return VoteTaken(
            label_id=label.id,
            item_id=label.item_id,
            revision=label.revision,
            revealed=vote_revealed(revealed_votes(run, [label])[0]) if at_once else None,
            mine=mine_shown(mine(run, viewer.name)),
        )

    return once.answer(viewer, body, VoteTaken, work)


@router.get("/v1/runs/{run}/votes", summary="Your own votes, first to last")
def list_votes(viewer: Reviewer, run: RunOf, cursor: Cursor = None, limit: Limit = 50) -> Page[OwnVote]:
    question = f"votes {run.name} {viewer.id}"
    key = after(question, cursor, (int,))
    first = int(key[0]) if key else 0
    page = run.votes(viewer.name, first, limit + 1)
    return Page(
        items=[
            OwnVote(
                label_id=label.id,
                item_id=label.item_id,
                choice=choice_of(label.value, swapped=label.swapped),
                reason=label.reason,
                flagged=label.flagged,
                revision=label.revision,
                created_at=label.created_at,
            )
            for label in page[:limit]
        ],
        next=cursor_after(question, (first + limit,)) if len(page) > limit else None,
    )
