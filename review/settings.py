"""Which comparisons people see, and how long the loop waits for them."""

from typing import Literal, Self

from pydantic import Field, model_validator

from prompts.settings import Settings
from review.strata import Stratifier
from store.records import Reveal


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
        default=0,
        ge=0,
        description="Further comparisons that a sign points at, by turns: attack (hidden characters, chat markers), "
        "the last round's drift alarms, order flips, panels that part, low confidence. Informative, not in the audit.",
    )
    strata: tuple[Stratifier, ...] = Field(
        default=(),
        description="Stratify the random ones by these, proportionally: `margin` (how sure the judge was), `flip` "
        "(whether its two orders agree), `principle` (or the prompt's first tag), `length` (whether it prefers the "
        "longer answer). Strata too small for two are merged. Without any: a simple random sample. The gate's is "
        "always that.",
    )
    overlap: int = Field(
        default=1,
        ge=1,
        le=20,
        description="Reviewers who are asked about the same comparison, for the agreement among people; the gate's "
        "too. A waiting run waits for the first answer to each.",
    )
    overlap_share: float = Field(
        default=1.0, ge=0.0, le=1.0, description="Share of the random ones that `overlap` holds for."
    )
    repeats: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="Share of the random ones that is asked again of whoever answered them, some answers later and "
        "with the sides exchanged, for the agreement of people with themselves.",
    )
    reveal: Reveal = Field(
        default="batch",
        description="When reviewers see the judge's verdicts: `batch` (after `reveal_batch` votes), `at_once` (after "
        "each), `never`. What is said of a comparison afterwards enters no estimate.",
    )
    reveal_batch: int = Field(default=20, ge=1, le=1000, description="Votes in a batch.")
    wait: Literal["no", "forever"] | float = Field(
        default="no",
        description="no: go on without the labels; forever: wait for all of the random ones; a number: wait "
        "at most so many seconds.",
    )

    @model_validator(mode="after")
    def _repeats_are_blind(self) -> Self:
        if self.repeats > 0 and self.reveal == "at_once":
            raise ValueError(
                "repeats asks again what reviewers answered blind, and reveal: at_once shows them the verdict before; "
                "set reveal: batch or never, or leave repeats out"
            )
        return self
