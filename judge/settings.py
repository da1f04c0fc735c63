"""Which judge, and how it is asked."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from judge.api.batch_settings import BatchSettings
from judge.api.budget import BudgetSettings
from judge.api.prices import ModelPrice
from judge.ways import WaysSettings
from prompts.settings import Settings

ANSWER_CHARS = 20_000
"""Characters of an answer that a judge is shown by default: some 5,000 tokens of English."""


class JudgeBase(WaysSettings):
    template: str = Field(
        default="pairwise",
        description="A judge template: a shipped name (a file in prompts/judge) or a path.",
    )
    constitution: str = Field(
        default="general",
        description="A constitution: a shipped name (a file in prompts/constitutions) or a path.",
    )
    calibration: str = Field(
        default="none",
        description="The temperature that the judge's confidence is corrected by where pairs are made, learned from "
        "labels: none, an id (cal_…), or latest (of this judge, when the run starts).",
    )
    answer_chars: int = Field(
        default=ANSWER_CHARS,
        ge=200,
        description="Characters of an answer that the judge is shown; of a longer one head and tail, and how much "
        "is missing. The same for both answers.",
    )
    schedule: Literal["auto", "round_robin", "swiss"] = Field(
        default="auto",
        description="Which of a prompt's answers are compared. round_robin: every two; swiss: a tournament that looks "
        "closer at its top and bottom; auto: round_robin up to five different answers, swiss above.",
    )


class LocalJudgeSettings(JudgeBase):
    """A local policy judges by the log-probabilities it gives the two labels."""

    kind: Literal["local"] = Field(default="local", description="Chooses this judge.")
    policy: str = Field(
        default="current",
        description="`current` (the round's incumbent judges itself), `initial` (the policy the run started "
        "from, frozen), or a model folder or hub id of its own.",
    )
    revision: str | None = Field(default=None, description="Pinned revision of a hub model.")
    temperature: float = Field(default=1.0, gt=0.0, description="Divides the averaged logit.")
    min_label_mass: float = Field(
        default=0.05,
        ge=0.0,
        le=1.0,
        description="Abstain (unscored) where the labels' total probability is below this in an order.",
    )
    batch_tokens: int = Field(default=16_384, ge=64, description="Padded tokens in one forward pass.")


class MetaSettings(Settings):
    """A second judge that weighs the reasons of the two presentation orders where these disagree."""

    model: str | None = Field(
        default=None, description="At the same endpoint. Default: the model that judges."
    )
    template: str = Field(default="pairwise", description="By which two reviews are compared.")
    constitution: str = Field(default="reviews", description="By which two reviews are compared.")


class ApiJudgeSettings(JudgeBase):
    """An external model behind an OpenAI-compatible endpoint."""

    kind: Literal["api"] = Field(default="api", description="Chooses this judge.")
    base_url: str = Field(
        default="https://api.openai.com/v1", description="The endpoint, up to and with its version."
    )
    model: str = Field(description="The model's name at the endpoint.")
    api_key_env: str = Field(
        default="OPENAI_API_KEY",
        description="Name of the environment variable with the key; a server without keys needs none.",
    )
    concurrency: int = Field(
        default=16, ge=1, le=4096, description="Requests in flight at most; fewer while the server is busy."
    )
    requests_per_minute: int | None = Field(default=None, ge=1, description="Requests a minute at most.")
    tokens_per_minute: int | None = Field(
        default=None, ge=1, description="Tokens a minute at most, input and output."
    )
    attempts: int = Field(
        default=6,
        ge=1,
        description="Attempts a request for each kind of trouble (connection, timeout, busy, server, malformed).",
    )
    timeout_s: float = Field(default=60.0, gt=0.0, description="Deadline of one attempt, seconds.")
    deadline_s: float = Field(
        default=600.0,
        gt=0.0,
        description="Deadline of one request with all its attempts, seconds from when the first one leaves.",
    )
    longest_wait_s: float = Field(
        default=120.0, gt=0.0, description="Longest wait that a server may ask for (Retry-After), seconds."
    )
    votes: int = Field(
        default=1,
        ge=1,
        description="Answers asked for in each order where the server gives no log-probabilities.",
    )
    temperature: float | None = Field(default=0.0, ge=0.0, description="None leaves it to the server.")
    max_tokens: int = Field(default=512, ge=1, description="Of one reply.")
    reasoning_tokens: int = Field(
        default=4096, ge=0, description="Room beside max_tokens for a model that reasons before it replies."
    )
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | None = Field(
        default=None, description="Asked of a model that reasons; None leaves it to the server."
    )
    structured: Literal["auto", "json_schema", "json_object", "text"] = Field(
        default="auto", description="How a verdict is asked for; auto tries them in this order."
    )
    logprobs: Literal["auto", "never"] = Field(
        default="auto", description="auto: read the labels' log-probabilities where the server gives them."
    )
    decisions: Literal["auto", "never", "systemone", "decisions"] = Field(
        default="auto",
        description="A typed decision endpoint (/systemone or /decisions) in place of the chat, for templates whose "
        "reply is a label. auto: where a probe found one and the chat gives no log-probabilities.",
    )
    prices: str | dict[str, ModelPrice] | None = Field(
        default=None,
        description="Dollars per million tokens by model name, here or in a YAML file, before the shipped ones "
        "(judge/prices.yaml). A model without a price has unknown cost.",
    )
    meta: MetaSettings | None = None
    budget: BudgetSettings = BudgetSettings()
    delivery: Literal["live", "batch"] = Field(
        default="live",
        description="live: each request is answered at once; batch: requests go off in batches (files and batches of "
        "the OpenAI API), for half the price within a day.",
    )
    batch: BatchSettings = BatchSettings()


class ScriptedJudgeSettings(JudgeBase):
    """A judge that follows a rule, for tests and rehearsals: no model, no network, no cost."""

    kind: Literal["scripted"] = Field(default="scripted", description="Chooses this judge.")
    rule: Literal["shorter", "longer", "hash"] = Field(
        default="shorter",
        description="Which answer it prefers; `hash` prefers by content hash: consistent, and unrelated to quality.",
    )
    confidence: float = Field(
        default=0.9, gt=0.5, le=1.0, description="Probability that it gives to the answer it prefers."
    )
    unscored_share: float = Field(
        default=0.0, ge=0.0, le=1.0, description="Share of comparisons it fails on, chosen by content hash."
    )


SingleJudgeSettings = Annotated[
    LocalJudgeSettings | ApiJudgeSettings | ScriptedJudgeSettings, Field(discriminator="kind")
]

_OF_THE_RUN = ("calibration", "schedule")
"""Keys of a judge that say what a run makes of its verdicts; a panel's members have no say in that."""


class PanelJudgeSettings(JudgeBase):
    """Several judges as one. What is set here and not in a member holds for the member too."""

    kind: Literal["panel"] = Field(default="panel", description="Chooses this judge.")
    members: list[SingleJudgeSettings] = Field(
        min_length=2, description="Judges of any other kind, each with the keys of its own."
    )
    combine: Literal["mean", "vote"] = Field(
        default="mean", description="Of the members' probabilities, or of the answers they prefer."
    )
    weights: list[PositiveFloat] | None = Field(
        default=None, description="One number a member. Default: all the same."
    )
    quorum: int | None = Field(
        default=None,
        ge=1,
        description="Members that must score a comparison, or it is unscored. Default: more than half of them.",
    )

    @model_validator(mode="before")
    @classmethod
    def _members_inherit(cls, tree: Any) -> Any:
        if not isinstance(tree, dict) or not isinstance(tree.get("members"), list):
            return tree
        own = {key: tree[key] for key in JudgeBase.model_fields if key in tree and key not in _OF_THE_RUN}
        members = [
            {"kind": "local", **own, **member} if isinstance(member, dict) else member
            for member in tree["members"]
        ]
        return {**tree, "members": members}

    @model_validator(mode="after")
    def _one_panel(self) -> Self:
        for number, member in enumerate(self.members, 1):
            if member.constitution != self.constitution:
                raise ValueError(
                    f"member {number} judges by the constitution {member.constitution!r} and the panel by "
                    f"{self.constitution!r}; comparisons are made under one: set it for the panel"
                )
            for key in _OF_THE_RUN:
                if getattr(member, key) != JudgeBase.model_fields[key].default:
                    raise ValueError(f"member {number} sets {key}; set it for the panel")
        if self.weights is not None and len(self.weights) != len(self.members):
            raise ValueError(
                f"{len(self.weights)} weights for {len(self.members)} members; give one a member"
            )
        if self.quorum is not None and self.quorum > len(self.members):
            raise ValueError(f"a quorum of {self.quorum} of {len(self.members)} members is never reached")
        return self


JudgeSettings = Annotated[
    LocalJudgeSettings | ApiJudgeSettings | ScriptedJudgeSettings | PanelJudgeSettings,
    Field(discriminator="kind"),
]


def single_judges(settings: JudgeSettings) -> list[SingleJudgeSettings]:
    """The members of a panel, or the one judge itself."""
    return settings.members if isinstance(settings, PanelJudgeSettings) else [settings]


def critic_settings(settings: ApiJudgeSettings, meta: MetaSettings) -> ApiJudgeSettings:
    """The settings of the second judge: those of the first, asked plainly by its own model and wording."""
    plain = {name: field.get_default() for name, field in WaysSettings.model_fields.items()}
    own = {
        "model": meta.model or settings.model,
        "template": meta.template,
        "constitution": meta.constitution,
    }
    return settings.model_copy(update={**plain, **own, "meta": None})


def shown_chars(settings: JudgeBase) -> str:
    """What a judge's name says of `answer_chars`: nothing where it is the default."""
    return "" if settings.answer_chars == ANSWER_CHARS else f":a{settings.answer_chars}"
