"""The shapes of skipping an item, and of taking the latest answer back."""

from pydantic import Field

from review.api.questions import Mine, QuestionShown
from review.api.shape import Reason, Shape, UnitId


class SkipRequest(Shape):
    item_id: UnitId
    cause: str = Field(min_length=1, max_length=100)
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
