"""A question as the API gives it: blind, and rendered as HTML only where that is asked for."""

from datetime import UTC, datetime

from pydantic import Field

from prompts.prompt import Role
from review import reveals
from review.api.shape import Shape
from review.questions import Question
from review.rendering import render


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


def question_shown(question: Question) -> QuestionShown:
    """A question that is held, without HTML."""
    return QuestionShown(
        item_id=question.item_id,
        prompt=[Turn(role=message.role, text=message.content) for message in question.prompt],
        left=Side(text=question.left),
        right=Side(text=question.right),
        principles=[Principle(id=id, text=text) for id, text in question.principles],
        expires_at=question.expires_at or datetime.now(UTC),
    )


def rendered(question: QuestionShown) -> QuestionShown:
    """The question with its texts as safe HTML beside them."""
    return question.model_copy(
        update={
            "prompt": [turn.model_copy(update={"html": render(turn.text)}) for turn in question.prompt],
            "left": Side(text=question.left.text, html=render(question.left.text)),
            "right": Side(text=question.right.text, html=render(question.right.text)),
        }
    )


def mine_shown(mine: reveals.Mine) -> Mine:
    return Mine(votes=mine.votes, batch=mine.batch, in_batch=mine.in_batch, batch_size=mine.batch_size)
