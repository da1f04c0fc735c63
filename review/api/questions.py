"""A question as the API gives it: blind, and rendered as HTML only where that is asked for."""

from datetime import datetime

from pydantic import Field

from prompts.prompt import Role
from review.api.shape import Shape


class Turn(Shape):
    """One message of the prompt."""

    role: Role
    text: str
    html: str | None = Field(
        default=None, description="The text as safe HTML; only where `render` was asked."
    )


class Side(Shape):
    """One of the two answers."""

    text: str
    html: str | None = Field(
        default=None, description="The text as safe HTML; only where `render` was asked."
    )


class Principle(Shape):
    id: str
    text: str


class QuestionShown(Shape):
    """A prompt and two answers, and nothing of what a judge said or why they were drawn."""

    item_id: str
    prompt: list[Turn]
    left: Side
    right: Side
    principles: list[Principle]
    expires_at: datetime = Field(description="Until when this question is held for you.")


class Mine(Shape):
    """How far the caller is in this run."""

    votes: int = Field(ge=0, description="Votes of yours that stand.")
    batch: int = Field(ge=1, description="The batch that your next vote goes to, counted from 1.")
    in_batch: int = Field(ge=0, description="Votes in that batch so far.")
    batch_size: int = Field(ge=1)
