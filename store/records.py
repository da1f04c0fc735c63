"""The records that every folder speaks in: frozen, in the field's own words, named by their content.

A record's id is a hash of what makes it that record (see `prompts.hashing`), so that making it again after a
crash gives the same id and the store can ignore the repetition. Records know nothing of the run they
belong to: the store keeps units apart by run (`store.run.RunStore`).

Provenance reads along the ids: Checkpoint → pairs → verdicts and labels → comparison → samples → prompt and
policy revision.
"""

from datetime import UTC, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from prompts.hashing import content_id
from prompts.prompt import Message, Prompt, Role, Split

__all__ = [
    "Calibration", "Checkpoint", "Comparison", "Decision", "Evaluation", "Label", "LabelSource", "LabelValue",
    "Lane", "Mark", "Message", "Pair", "Part", "Preference", "Prompt", "Purpose", "Reveal", "ReviewItem",
    "Role", "Run", "Sample", "Split", "StageMarker", "Usage", "Verdict",
]  # fmt: skip

Purpose = Literal["train", "gate", "canary", "league"]
"""What a unit was made for: `train` feeds the pairs, `gate` compares candidate and incumbent, `canary` tries the judge,
`league` compares any two policies.

A canary's answers are not a policy's, and nothing is trained or decided on its verdicts.
"""

Lane = Literal["random", "targeted", "repeat", "override"]
"""Why people see a comparison: `random` measures the judge, `targeted` was chosen by rule because it informs, `repeat`
asks a reviewer again with the sides exchanged, `override` holds corrections of what nobody had drawn.

Only the random lane enters an estimate.
"""

LabelValue = Literal["much_better", "better", "same", "worse", "much_worse", "both_bad", "withdrawn"]
"""What a person says of the first sample; `withdrawn` takes an earlier label back, and none of that person's stands."""

Mark = Literal["first", "second", "same"]
"""Which sample a person finds better under one principle."""

Reveal = Literal["batch", "at_once", "never"]
"""When a reviewer sees the judge's verdict: after a batch of votes, after each, or not at all."""

LabelSource = Literal["queue", "late", "override", "import"]
"""How a label came. A `late` one was given in the queue when its item had all the answers it was to have: it is kept
and stands beside the others, and is not counted towards the item's overlap."""

Probability = Field(ge=0.0, le=1.0)


def _now() -> datetime:
    return datetime.now(UTC)


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Sample(Record):
    """An answer: what the policy `policy` (a revision id) said to a prompt, with the seed that repeats it.

    `settings` is the hash of the sampling settings, `tokens` counts generated tokens (end token excluded),
    `logprob` is their summed natural-log probability under the sampling policy at temperature 1, where the
    sampler knows it.
    """

    prompt_id: str
    policy: str
    round: int = Field(ge=0)
    purpose: Purpose
    index: int = Field(ge=0)
    seed: int
    settings: str
    text: str
    tokens: int = Field(ge=0)
    finish_reason: Literal["stop", "length"]
    logprob: float | None = None
    id: str = Field(
        default_factory=lambda d: content_id(
            "smp", d["prompt_id"], d["policy"], d["round"], d["purpose"], d["index"], d["seed"], d["settings"]
        )
    )


class Comparison(Record):
    """A prompt and two samples of it, put to a judge under some principles of a constitution.

    In the gate `first` is the candidate's answer and `second` the incumbent's.
    """

    prompt: Prompt
    first: Sample
    second: Sample
    round: int = Field(ge=0)
    purpose: Purpose
    constitution: str
    """Content hash of the constitution."""
    principles: tuple[str, ...] = ()
    """Ids of the principles put to the judge; empty means all."""
    id: str = Field(
        default_factory=lambda d: content_id(
            "cmp", d["first"].id, d["second"].id, d["constitution"], d["principles"]
        )
    )

    @model_validator(mode="after")
    def _same_prompt(self) -> Self:
        if not (self.first.prompt_id == self.second.prompt_id == self.prompt.id):
            raise ValueError(f"comparison {self.id}: both samples must answer prompt {self.prompt.id}")
        return self


class Usage(Record):
    """Tokens and money of a judge's calls for one verdict.

    `cached_tokens` are among `input_tokens`, `reasoning_tokens` (hidden) among `output_tokens`.
    """

    calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: float | None = None


class Part(Record):
    """What a judge said of a comparison under a part of the constitution alone; scores as in `Verdict`."""

    p_first: float = Field(ge=0.0, le=1.0)
    score_first: float | None = None
    score_second: float | None = None


class Verdict(Record):
    """A judge's answer to a comparison, or the reason why there is none.

    `p_first` is the probability that the first sample is better, from both presentation orders;
    `p_first_shown_first` and `p_first_shown_second` are the same probability from each order alone. Exactly
    one of `p_first` and `unscored` is set: a failure is never a score. `judge` names judge, model revision and
    settings; `raw` is the judge's raw response (JSON text). `prompt_texts` are the exact texts the judge saw, in
    the two orders; the store keeps them once by hash and `prompt_hashes` stay with the verdict.
    """

    comparison_id: str
    judge: str
    template: str
    """Content hash of the judge's template."""
    constitution: str
    prompt_hashes: tuple[str, ...] = ()
    p_first: float | None = Field(default=None, ge=0.0, le=1.0)
    p_first_shown_first: float | None = Field(default=None, ge=0.0, le=1.0)
    p_first_shown_second: float | None = Field(default=None, ge=0.0, le=1.0)
    label_mass: float | None = Field(default=None, ge=0.0, le=1.0 + 1e-6)
    p_tie: float | None = Field(default=None, ge=0.0, le=1.0)
    """The probability that neither is better, where the judge may say so; half of it is in `p_first`."""
    disagreement: float | None = Field(default=None, ge=0.0, le=1.0)
    """How far the members of a panel are apart (see `judge.panel`); None where a single judge spoke."""
    score_first: float | None = None
    """The first sample's points, where a judge scores one answer at a time (see `judge.pointwise`)."""
    score_second: float | None = None
    by_principle: dict[str, Part] | None = None
    """By principle id, where principles are asked one by one (see `judge.principles`)."""
    by_axis: dict[str, Part] | None = None
    """By axis, where axes are judged apart (see `judge.axes`)."""
    rationale: str = ""
    raw: str = ""
    usage: Usage = Usage()
    unscored: str | None = None
    prompt_texts: tuple[str, ...] = Field(default=(), exclude=True, repr=False)
    id: str = Field(default_factory=lambda d: content_id("ver", d["comparison_id"], d["judge"]))

    @model_validator(mode="after")
    def _scored_or_unscored(self) -> Self:
        if (self.p_first is None) == (self.unscored is None):
            raise ValueError(f"verdict {self.id}: set p_first or unscored (with the reason), and only one")
        return self

    @property
    def flipped(self) -> bool | None:
        """Whether the two presentation orders prefer different samples; None where one is missing."""
        if self.p_first_shown_first is None or self.p_first_shown_second is None:
            return None
        return (self.p_first_shown_first - 0.5) * (self.p_first_shown_second - 0.5) < 0


class Preference(Record):
    """A ranking of one prompt's samples, folded from verdicts and labels; best first.

    `scores` are Bradley–Terry log-strengths, aligned with `samples`. `cycle` says that the majority
    preferences among the samples contain a cycle.
    """

    prompt_id: str
    round: int = Field(ge=0)
    samples: tuple[str, ...]
    scores: tuple[float, ...]
    cycle: bool
    verdict_ids: tuple[str, ...]
    label_ids: tuple[str, ...] = ()
    id: str = Field(
        default_factory=lambda d: content_id(
            "prf", d["prompt_id"], d["round"], d["samples"], d["verdict_ids"], d["label_ids"]
        )
    )


class ReviewItem(Record):
    """A comparison drawn for people to look at, with the probability it was drawn with, kept at the draw."""

    comparison_id: str
    round: int = Field(ge=0)
    purpose: Purpose
    lane: Lane
    inclusion_probability: float = Field(gt=0.0, le=1.0)
    seed: int
    position: int = Field(ge=0)
    stratum: str = ""
    """The part of the population it was drawn from; empty where the draw had no parts."""
    reasons: tuple[str, ...] = ()
    """Why it was picked, in the targeted lane (see `review.draw`)."""
    overlap: int = Field(default=1, ge=1)
    """How many reviewers are asked."""
    repeat_of: str | None = None
    """In the repeat lane: the item whose reviewers are asked again."""
    id: str = Field(
        default_factory=lambda d: content_id("itm", d["comparison_id"], d["round"], d["purpose"], d["lane"])
    )


class Label(Record):
    """A person's answer to a comparison, in terms of its *first* sample whichever side was shown where.

    Immutable: changing one's mind adds a label with a higher `revision`, taking it back one whose value is `withdrawn`.
    `swapped` says that the first sample was shown on the right.
    """

    item_id: str
    comparison_id: str
    value: LabelValue
    reviewer: str
    lane: Lane
    inclusion_probability: float = Field(gt=0.0, le=1.0)
    swapped: bool = False
    revision: int = Field(default=0, ge=0)
    created_at: datetime = Field(default_factory=_now)
    blind: bool = True
    """Whether its reviewer had not been shown a verdict on the comparison: only such labels enter an estimate."""
    reveal: Reveal = "never"
    """When its reviewer was to be shown the verdict."""
    source: LabelSource = "queue"
    marks: dict[str, Mark] = {}
    """By principle id."""
    reason: str = ""
    flagged: bool = False
    """Its reviewer asks the lead to look at it."""
    seconds: float | None = Field(default=None, ge=0.0)
    """How long its reviewer looked."""
    key: str | None = None
    """The sender's own name for this answer: sent twice, it is one."""
    id: str = Field(
        default_factory=lambda d: content_id("lab", d["item_id"], d["reviewer"], d["revision"], d["value"])
    )

    @property
    def p_first(self) -> float:
        """The label as a win of the first sample: 1 better, 0 worse, one half for same and both bad."""
        return {"much_better": 1.0, "better": 1.0, "worse": 0.0, "much_worse": 0.0}.get(self.value, 0.5)


class Pair(Record):
    """Two samples of a prompt, the chosen one better. `confidence` is the probability that it is.

    `margin` is the difference of the two samples' Bradley–Terry log-strengths (0 for a pair made by a label alone).
    """

    prompt_id: str
    round: int = Field(ge=0)
    chosen: str
    rejected: str
    margin: float
    confidence: float = Field(ge=0.0, le=1.0)
    weight: float = Field(default=1.0, ge=0.0)
    source: Literal["judge", "human"]
    comparison_id: str
    verdict_ids: tuple[str, ...] = ()
    label_ids: tuple[str, ...] = ()
    calibration: str | None = None
    """Id of the calibration that turned the judge's probabilities into `confidence`; None: as the judge gave them."""
    id: str = Field(default_factory=lambda d: content_id("par", d["round"], d["chosen"], d["rejected"]))


class Calibration(Record):
    """How sure a judge is against how often it is right, learned from people's labels.

    A calibrated probability is sigmoid(logit(p) / temperature); above 1 the judge was too sure. `judge` names what it
    was learned on without what changes from round to round (see `judge.calibration.calibrated_judge`); `labels` counts
    the labels that prefer a side; `source` says where they came from; `figures` what was gained.
    """

    judge: str
    temperature: float = Field(gt=0.0)
    by_principle: dict[str, float] = {}
    """Temperatures of verdicts under a single principle, where those were labelled."""
    labels: int = Field(ge=1)
    source: str
    figures: dict[str, Any] = {}
    created_at: datetime = Field(default_factory=_now)
    id: str = Field(
        default_factory=lambda d: content_id(
            "cal", d["judge"], d["temperature"], d["by_principle"], d["labels"], d["source"]
        )
    )

    @property
    def sentence(self) -> str:
        """What it is, in a few words."""
        return f"temperature {self.temperature:.3f} from {self.labels} labels of {self.source}"


class Evaluation(Record):
    """A judge measured on labelled comparisons: the figures of `judge.measure.evaluation`, and what they are about.

    `choice` is how the judge was asked for, `judge` its full name; `template` and `constitution` are content hashes,
    empty for a judge that reads none; `data_hash` is over the labelled rows, whatever their format.
    """

    judge: str
    choice: str
    template: str
    constitution: str
    data: str
    data_hash: str
    figures: dict[str, Any]
    created_at: datetime = Field(default_factory=_now)
    id: str = Field(
        default_factory=lambda d: content_id("evl", d["judge"], d["data_hash"], d["created_at"].isoformat())
    )


class Checkpoint(Record):
    """A policy revision on disk. `id` is its revision: `rev_` and a prefix of the hash of its weights."""

    sha256: str
    """SHA-256 over the weight files (see `policy.checkpoint`)."""
    path: str
    round: int = Field(ge=0)
    """The round that trained it; 0 for the policy a run started from."""
    parent: str | None = None
    pairs_sha256: str | None = None
    created_at: datetime = Field(default_factory=_now)
    id: str = Field(default_factory=lambda d: f"rev_{d['sha256'][:20]}")


class StageMarker(Record):
    """Written last: the stage of this round is complete. `counts` are what it made, `seconds` what it took."""

    round: int = Field(ge=0)
    stage: str
    seconds: float
    counts: dict[str, Any] = {}


class Decision(Record):
    """What became of a candidate: promoted or kept out, by which evidence, in one sentence.

    `evidence` holds the figures the summary shows. `kind` is `rollback` when a person set the policy by hand.
    """

    round: int = Field(ge=0)
    kind: Literal["promote", "keep", "rollback"]
    policy: str
    """The revision that is the policy from here on."""
    candidate: str | None = None
    incumbent: str | None = None
    judge_only: Literal["promote", "keep"] | None = None
    audited: bool = False
    reason: str = ""
    evidence: dict[str, Any] = {}
    created_at: datetime = Field(default_factory=_now)


class Run(Record):
    """A run: its configuration as read (secrets are never in it), hashed."""

    name: str
    seed: int
    config_hash: str
    config: dict[str, Any]
    device: str = ""
    created_at: datetime = Field(default_factory=_now)
