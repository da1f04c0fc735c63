"""The shapes of claiming: asking for questions, and holding them for a while."""

from pydantic import Field

from review.api.questions import Mine, QuestionShown
from review.api.shape import Shape


class ClaimRequest(Shape):
    count: int = Field(default=1, ge=1, le=20, description="How many questions you want to hold.")
    render: bool = Field(default=False, description="Send the texts as safe HTML too.")


class Claims(Shape):
    items: list[QuestionShown]
    open: int = Field(ge=0, description="Items that you could answer and nobody holds.")
    held_by_others: int = Field(ge=0, description="Items that others hold now and that may come back.")
    mine: Mine
