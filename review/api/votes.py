"""The shapes of voting."""

from typing import Literal

from pydantic import Field

from review.api.questions import Mine
from review.api.reveals import VoteRevealed
from review.api.shape import Reason, Shape, UnitId
from review.queue import Choice

SideMark = Literal["left", "right", "same"]


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
