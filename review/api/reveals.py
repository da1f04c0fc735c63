"""The shapes of a reveal: one's own votes beside what the judge and others said."""

from pydantic import Field

from prompts.prompt import Role
from review.api.shape import Shape
from store.records import LabelValue, Reveal


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
    unscored: str | None


class OthersVote(Shape):
    reviewer: str
    choice: str
    reason: str


class VoteRevealed(Shape):
    """One vote, what was shown for it, and what was said of it."""

    item_id: str
    comparison_id: str
    prompt: list[RevealedTurn]
    left: str
    right: str
    choice: str
    value: LabelValue
    reason: str
    agrees: bool | None = Field(description="With the judge; null where one of the two took no side.")
    verdicts: list[VerdictRevealed]
    others: list[OthersVote]


class BatchState(Shape):
    """One batch of the caller's votes."""

    batch: int = Field(ge=1)
    votes: int = Field(ge=0)
    size: int = Field(ge=1)
    revealable: bool = Field(description="Whether it may be revealed now.")
    revealed: bool


class Batches(Shape):
    mode: Reveal = Field(description="When this run reveals the judge's verdicts.")
    items: list[BatchState]


class BatchRevealed(Shape):
    batch: int = Field(ge=1)
    votes: list[VoteRevealed]
