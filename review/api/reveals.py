"""Reveals: the caller's own votes beside what the judge and others said, once that may be shown."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from prompts.prompt import Role
from review import reveals
from review.accounts.identity import Reviewer
from review.api.once import OnceOnly
from review.api.place import RunOf
from review.api.shape import Shape
from review.questions import Choice
from store.records import LabelValue, Reveal

router = APIRouter(tags=["reveals"])


class RevealedTurn(Shape):
    role: Role
    text: str


class VerdictRevealed(Shape):
    """What a judge said, in terms of the sides as they were shown: `p_left` is that the left answer is better."""

    verdict_id: str
    judge: str
    p_left: float | None
    p_left_shown_left: float | None = Field(description="With the left answer presented to the judge first.")
    p_left_shown_right: float | None = Field(description="With the left answer presented to it second.")
    flipped: bool | None = Field(description="Whether the two orders prefer different answers.")
    rationale: str
    unscored: str | None = Field(description="Why there is no probability.")


class OthersVote(Shape):
    """What somebody else said, in terms of the sides as the caller saw them."""

    reviewer: str
    choice: Choice
    reason: str
    created_at: datetime


class VoteRevealed(Shape):
    """One vote, what was shown for it, and what was said of it."""

    item_id: str
    comparison_id: str
    prompt: list[RevealedTurn]
    left: str
    right: str
    choice: Choice
    value: LabelValue = Field(description="The choice in terms of the comparison's first sample.")
    reason: str
    agrees: bool | None = Field(description="With the judge; null where one of the two took no side.")
    verdicts: list[VerdictRevealed]
    others: list[OthersVote]


class BatchListed(Shape):
    """One batch of the caller's votes."""

    batch: int = Field(ge=1)
    votes: int = Field(ge=0)
    size: int = Field(ge=1)
    revealable: bool = Field(description="Whether it may be revealed now.")
    revealed: bool = Field(description="Whether all of it has been.")


class Batches(Shape):
    mode: Reveal = Field(description="When this run reveals the judge's verdicts.")
    items: list[BatchListed]


class BatchRevealed(Shape):
    batch: int = Field(ge=1)
    votes: list[VoteRevealed]
    held_back: int = Field(ge=0, description="Votes shown later: you will be asked once more.")


@router.get("/v1/runs/{run}/batches", summary="Your batches of votes")
def list_batches(viewer: Reviewer, run: RunOf) -> Batches:
    states = reveals.batches(run, viewer.name)
    return Batches(
        mode=reveals.reveal_mode(run),
        items=[
            BatchListed(
                batch=state.batch,
                votes=state.votes,
                size=state.size,
                revealable=state.revealable,
                revealed=state.revealed,
            )
            for state in states
        ],
    )


@router.post("/v1/runs/{run}/batches/{batch}/reveal", summary="Show a batch beside the judge's verdicts")
def reveal(
    viewer: Reviewer, run: RunOf, batch: Annotated[int, Path(ge=1, le=1_000_000)], once: OnceOnly
) -> BatchRevealed:
    """It is recorded first that you were shown these: what you say of them from here on is not blind."""

    def work() -> BatchRevealed:
        shown = reveals.reveal(run, viewer.name, batch)
        return BatchRevealed(
            batch=shown.batch, votes=[vote_revealed(one) for one in shown.votes], held_back=shown.held_back
        )

    return once.answer(viewer, None, BatchRevealed, work)


def vote_revealed(vote: reveals.RevealedVote) -> VoteRevealed:
    return VoteRevealed(
        item_id=vote.label.item_id,
        comparison_id=vote.label.comparison_id,
        prompt=[RevealedTurn(role=message.role, text=message.content) for message in vote.prompt],
        left=vote.left,
        right=vote.right,
        choice=vote.choice,
        value=vote.label.value,
        reason=vote.label.reason,
        agrees=vote.agrees,
        verdicts=[VerdictRevealed(**vars(verdict)) for verdict in vote.verdicts],
        others=[OthersVote(**vars(other)) for other in vote.others],
    )
