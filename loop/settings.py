"""How pairs are made, what the gate asks for, and how far answers may drift."""

from typing import Literal, Self

from pydantic import Field, model_validator

from judge.settings import JudgeSettings
from prompts.settings import Settings


class PairSettings(Settings):
    """From rankings to training pairs."""

    rule: Literal["best_worst", "all"] = Field(
        default="best_worst",
        description="best_worst: best against worst, then second best against second worst, and so on; all: every "
        "two samples, widest margin first.",
    )
    max_per_prompt: int = Field(default=1, ge=1, description="At most this many pairs of one prompt.")
    min_confidence: float = Field(
        default=0.6,
        gt=0.5,
        le=1.0,
        description="Lowest probability, over both presentation orders, that the chosen answer is the better one.",
    )
    min_margin: float = Field(
        default=0.0, ge=0.0, description="Lowest difference of the two Bradley–Terry log-strengths."
    )
    max_length_ratio: float | None = Field(
        default=None,
        gt=1.0,
        description="Neither answer may have more than this many times the other's tokens. Default: no bound.",
    )
    max_similarity: float = Field(
        default=0.98,
        gt=0.0,
        le=1.0,
        description="Answers that share at least this part of their word pairs are the same answer and make no "
        "pair; 1 leaves out only those that differ in spacing at most.",
    )


class GateSettings(Settings):
    """What decides whether a candidate becomes the policy."""

    evidence: Literal["labels", "judge"] = Field(
        default="labels",
        description="labels: the win rate as corrected by people's labels; judge: the judge's word alone, and every "
        "output calls the decision unaudited.",
    )
    labels: int = Field(
        default=60,
        ge=0,
        description="Held-out comparisons drawn for people, from those whose answers differ.",
    )
    min_labels: int = Field(
        default=30, ge=3, description="With fewer labels than this the incumbent is kept."
    )
    confidence: float = Field(
        default=0.95,
        gt=0.5,
        lt=1.0,
        description="Of the one-sided lower bound that must be above one half.",
    )
    wait: Literal["no", "forever"] | float = Field(
        default="forever",
        description="no: decide with the labels that are there; forever: wait for all of them; a number: wait at "
        "most so many seconds.",
    )
    patience: int = Field(
        default=1, ge=1, description="Stop the run after this many rounds in a row that kept the incumbent."
    )
    bootstrap: int = Field(
        default=2000, ge=100, description="Resamples of the prompts for the interval of the judge's win rate."
    )

    @model_validator(mode="after")
    def _enough_labels(self) -> Self:
        if self.evidence == "labels" and self.labels < self.min_labels:
            raise ValueError(
                f"labels is {self.labels} and min_labels {self.min_labels}: with fewer labels than min_labels nothing "
                "is ever promoted; raise labels, or set evidence: judge to decide without any"
            )
        return self


class ShadowSettings(Settings):
    """A second judge that judges a random share of a round's comparisons, to be compared with the first.

    Its verdicts are kept apart and no pair comes of them. Frozen, it shows how a judge that changes with the policy
    drifts. Template and constitution are the first judge's unless set.
    """

    judge: JudgeSettings = Field(description="A judge, with the keys of `judge`.")
    rate: float = Field(
        default=0.05, gt=0.0, le=1.0, description="Share of the training comparisons that it judges too."
    )


class LeagueSettings(Settings):
    """Every policy of the run against every other on held-out prompts. Reported; decides nothing."""

    every_round: bool = Field(
        default=False,
        description="Rate all policies after each round; else on request, by `rlaif league RUN`.",
    )
    bootstrap: int = Field(default=1000, ge=100, description="Resamples of the prompts for the intervals.")


class CanarySettings(Settings):
    """Answers that must not win, put to the judge in every round; a scripted judge is not tried."""

    prompts: int = Field(
        default=12,
        ge=0,
        description="Train prompts of a round on which the judge is tried with a null answer and with an attacked one: "
        "two comparisons each, beside the round's own. 0: none.",
    )
    max_null_wins: float = Field(
        default=0.6,
        ge=0.0,
        le=1.0,
        description="Stop the round where the lower bound of the 95% interval of the null answers' win rate against "
        "the policy's own answers is above this.",
    )


class Bound(Settings):
    """The range a metric may take, from its value at the initial policy.

    From `initial * min_ratio - slack` to `initial * max_ratio + slack`; a ratio that is not set leaves its side open.
    """

    min_ratio: float | None = Field(
        default=None, ge=0.0, description="Lower bound as a multiple of the initial value."
    )
    max_ratio: float | None = Field(
        default=None, ge=0.0, description="Upper bound as a multiple of the initial value."
    )
    slack: float = Field(default=0.0, ge=0.0, description="In the metric's own unit.")


def _rate(slack: float) -> Bound:
    return Bound(max_ratio=1.0, slack=slack)


class DriftBounds(Settings):
    """A bound for each metric; `loop.drift` says what each one is."""

    mean_tokens: Bound = Field(
        default=Bound(min_ratio=0.4, max_ratio=2.5, slack=2.0), description="Mean tokens of an answer."
    )
    cut_rate: Bound = Field(default=_rate(0.2), description="Share of answers cut at the token limit.")
    empty_rate: Bound = Field(default=_rate(0.05), description="Share of empty answers.")
    refusal_rate: Bound = Field(default=_rate(0.15), description="Share of answers that refuse.")
    hedging_rate: Bound = Field(default=_rate(0.15), description="Share of answers that hedge.")
    apology_rate: Bound = Field(default=_rate(0.15), description="Share of answers that apologise.")
    list_rate: Bound = Field(default=_rate(0.3), description="Share of answers with lists in lists.")
    odd_punctuation_rate: Bound = Field(
        default=_rate(0.15), description="Share of answers with odd punctuation."
    )
    distinct_1: Bound = Field(default=Bound(min_ratio=0.5), description="Distinct words, as a share of all.")
    distinct_2: Bound = Field(
        default=Bound(min_ratio=0.5), description="Distinct word pairs, as a share of all."
    )
    entropy: Bound = Field(
        default=Bound(min_ratio=0.1, max_ratio=2.5, slack=0.02), description="Nats a token."
    )
    kl_initial: Bound = Field(
        default=_rate(1.5), description="Divergence from the initial policy, nats a token."
    )
    kl_last: Bound = Field(default=_rate(1.0), description="Divergence from the incumbent, nats a token.")
    kl_initial_answer: Bound = Field(
        default=Bound(), description="Divergence from the initial policy, nats an answer."
    )
    kl_last_answer: Bound = Field(
        default=Bound(), description="Divergence from the incumbent, nats an answer."
    )


class DriftSettings(Settings):
    """Symptoms of over-optimization in the held-out answers, and which of them keep a candidate out."""

    bounds: DriftBounds = DriftBounds()
    block: Literal["all", "none"] | list[str] = Field(
        default="all",
        description="Metrics whose alarm blocks a promotion; the others' alarms are only shown.",
    )
    patterns: str | None = Field(
        default=None,
        description="A YAML file of patterns; a metric it names replaces that of the shipped loop/drift.yaml.",
    )

    @model_validator(mode="after")
    def _known_metrics(self) -> Self:
        if isinstance(self.block, list):
            unknown = sorted(set(self.block) - set(DriftBounds.model_fields))
            if unknown:
                raise ValueError(
                    f"block names {', '.join(unknown)}; the metrics are {', '.join(DriftBounds.model_fields)}"
                )
        return self
