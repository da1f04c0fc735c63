"""Which comparisons people see, and how long the loop waits for them."""

from typing import Literal

from pydantic import Field

from prompts.settings import Settings


class ReviewerSettings(Settings):
    """Who answers the queue."""

    kind: Literal["people", "simulated"] = Field(
        default="people",
        description="`people` answer with `rlaif review next`. `simulated` answers from an answer key (the "
        "starter has one): a rehearsal, and called so wherever its labels show.",
    )
    error_rate: float = Field(default=0.05, ge=0.0, le=0.5, description="Of the simulated reviewer.")


class SpotCheckSettings(Settings):
    """The random check of the comparisons behind each round's pairs."""

    random: int = Field(default=60, ge=0, description="Comparisons drawn at random: the audit.")
    targeted: int = Field(
        default=0, ge=0, description="Further comparisons nearest to one half: informative, not in the audit."
    )
    wait: Literal["no", "forever"] | float = Field(
        default="no",
        description="no: go on without the labels; forever: wait for all of the random ones; a number: wait "
        "at most so many seconds.",
    )
