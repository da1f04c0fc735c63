"""Skipping an item, and taking the latest answer back."""

from fastapi import APIRouter
from pydantic import Field

from review import queue
from review.accounts.identity import Reviewer
from review.api.once import OnceOnly
from review.api.place import RunOf
from review.api.questions import Mine, QuestionShown, mine_shown, question_shown, rendered
from review.api.shape import Reason, Shape, UnitId
from review.queue import SkipCause
from review.reveals import mine

router = APIRouter(tags=["queue"])


class SkipRequest(Shape):
    item_id: UnitId
    cause: SkipCause
    reason: Reason = ""


class SkipTaken(Shape):
    item_id: str
    mine: Mine


class UndoRequest(Shape):
    item_id: UnitId | None = Field(
        default=None, description="Which answer; your latest where it is left out."
    )
    render: bool = Field(default=False, description="Send the texts as safe HTML too.")


class Undone(Shape):
    item: QuestionShown
    mine: Mine


@router.post("/v1/runs/{run}/skips", status_code=201, summary="Leave a question to others")
def skip(viewer: Reviewer, run: RunOf, body: SkipRequest, once: OnceOnly) -> SkipTaken:
    def work() -> SkipTaken:
        queue.skip(run, body.item_id, viewer.name, body.cause, body.reason, once.key)
        return SkipTaken(item_id=body.item_id, mine=mine_shown(mine(run, viewer.name)))

    return once.answer(viewer, body, SkipTaken, work)


@router.post(
    "/v1/runs/{run}/undo", summary="Take your latest answer or skip back, and hold its question again"
)
def undo(viewer: Reviewer, run: RunOf, body: UndoRequest, once: OnceOnly) -> Undone:
    """Nothing is deleted: a withdrawal is appended. What was revealed to you already is not taken back (409)."""

    def work() -> Undone:
        question = queue.undo(run, viewer.name, body.item_id)
        return Undone(item=question_shown(question), mine=mine_shown(mine(run, viewer.name)))

    undone = once.answer(viewer, body, Undone, work)
    return undone.model_copy(update={"item": rendered(undone.item)}) if body.render else undone
