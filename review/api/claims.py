"""Claiming: asking for questions, and holding them for a while."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from review import queue
from review.accounts.identity import Reviewer
from review.api.once import OnceOnly
from review.api.place import RunOf
from review.api.questions import Mine, QuestionShown, mine_shown, question_shown, rendered
from review.api.shape import Shape
from review.reveals import mine

router = APIRouter(tags=["queue"])
ItemId = Annotated[str, Path(min_length=1, max_length=100, description="The item of a question.")]


class ClaimRequest(Shape):
    count: int = Field(default=1, ge=1, le=20, description="How many questions you want to hold.")
    render: bool = Field(default=False, description="Send the texts as safe HTML too.")


class Claims(Shape):
    items: list[QuestionShown]
    open: int = Field(
        ge=0,
        description=f"Further items that you could be given now; counted up to {queue.COUNTED}, and what is more is "
        "said as that.",
    )
    held_by_others: int = Field(
        ge=0,
        description="Items that others hold now: with no `items` and some of these, the queue is not done.",
    )
    mine: Mine


class Released(Shape):
    item_id: str
    released: bool = Field(description="Whether you held it.")


class QueueState(Shape):
    open: int = Field(
        ge=0,
        description=f"Items that you could be given now, those you hold included; counted up to {queue.COUNTED}.",
    )
    held_by_others: int = Field(ge=0)
    mine: Mine


@router.get("/v1/runs/{run}/queue", summary="How much is left for you")
def show_queue(viewer: Reviewer, run: RunOf) -> QueueState:
    could, taken = run.open_count(viewer.name)
    open = could if could >= queue.COUNTED else could - taken
    return QueueState(open=open, held_by_others=taken, mine=mine_shown(mine(run, viewer.name)))


@router.post("/v1/runs/{run}/claims", summary="Hold questions for a while")
def claim(viewer: Reviewer, run: RunOf, body: ClaimRequest, once: OnceOnly) -> Claims:
    """What you hold already comes first, on a new lease; then further ones, in the order of the queue.

    A lease that runs out gives its question back by itself.
    """

    def work() -> Claims:
        claimed = queue.claim(run, viewer.name, count=body.count)
        return Claims(
            items=[question_shown(question) for question in claimed.items],
            open=claimed.open,
            held_by_others=claimed.held_by_others,
            mine=mine_shown(mine(run, viewer.name)),
        )

    claims = once.answer(viewer, body, Claims, work)
    if not body.render:
        return claims
    return claims.model_copy(update={"items": [rendered(one) for one in claims.items]})


@router.delete("/v1/runs/{run}/claims/{item_id}", summary="Give a question back")
def release(viewer: Reviewer, run: RunOf, item_id: ItemId, once: OnceOnly) -> Released:
    def work() -> Released:
        return Released(item_id=item_id, released=queue.release(run, viewer.name, item_id))

    return once.answer(viewer, None, Released, work)
