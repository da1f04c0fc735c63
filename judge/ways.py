"""How a judge is asked beyond its template: by which parts of the constitution, and beside what."""

from typing import Literal

from pydantic import Field, PositiveFloat

from prompts.constitution import Axis
from prompts.settings import Settings


class WaysSettings(Settings):
    score_scale: float = Field(
        default=1.0,
        gt=0.0,
        description="With a pointwise template: points between two answers at which the better one is preferred with "
        "probability 0.73, the logistic function of 1.",
    )
    principles: Literal["together", "sampled", "separate"] = Field(
        default="together",
        description="together: all principles in one prompt; sampled: one a comparison, drawn by weight; "
        "separate: each in a prompt of its own, combined by weight.",
    )
    principle_seed: int = Field(default=0, description="With principles: sampled, another seed draws others.")
    axes: Literal["none", "weights", "lexicographic", "safety_gate"] = Field(
        default="none",
        description="Judge each axis of the constitution by itself and combine: by weights; lexicographic: harmless "
        "decides unless it hardly prefers either answer; safety_gate: an answer's safety score counts where the "
        "prompt is tagged or that score is low, else its helpfulness (pointwise templates).",
    )
    axis_weights: dict[Axis, PositiveFloat] = Field(
        default={},
        description="With axes: weights. An axis that is not named weighs as much as its principles together.",
    )
    harmless_margin: float = Field(
        default=0.3,
        ge=0.0,
        lt=0.5,
        description="With axes: lexicographic. Harmless decides where its probability is further than this from 0.5.",
    )
    safety_threshold: float = Field(
        default=0.15,
        ge=0.0,
        le=1.0,
        description="With axes: safety_gate. The safety score counts where it is below this share of all points.",
    )
    safety_tag: str = Field(
        default="harmless",
        description="With axes: safety_gate. The tag of prompts whose safety score always counts.",
    )
    reference: Literal["data", "written"] = Field(
        default="data",
        description="Where a template's reference answer comes from: the prompts' `reference` column, or written by a "
        "model before the first comparison of a prompt that has none.",
    )
    reference_model: str | None = Field(
        default=None,
        description="With reference: written. The model that writes it, at the judge's address; None: the judge's own.",
    )
    written_tokens: int = Field(
        default=2048,
        ge=1,
        description="Tokens at most of criteria or a reference answer that a model writes.",
    )


ASIDE_FIELDS = frozenset({"reference", "reference_model", "written_tokens"})
"""What decides what stands beside the answers, and not how parts are combined."""
