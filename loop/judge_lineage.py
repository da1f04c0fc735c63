"""What a calibration is about: a judge by everything that bears on its probabilities, and nothing that does not.

A verdict's `judge` names the exact weights, which for a self-judge change every round; a calibration names the policy
by how it was configured. It goes stale as the weights move on, which the audit of each round shows.
"""

from collections.abc import Sequence

from judge.settings import JudgeSettings, LocalJudgeSettings, PanelJudgeSettings, ScriptedJudgeSettings
from policy.settings import PolicySettings
from prompts.constitution import load_constitution
from prompts.hashing import content_id
from prompts.template import load_template

_NO_BEARING = frozenset(
    {
        "api_key_env", "attempts", "base_url", "batch", "batch_tokens", "budget", "calibration", "concurrency",
        "constitution", "deadline_s", "delivery", "kind", "longest_wait_s", "max_tokens", "members", "model", "policy",
        "prices", "reasoning_tokens", "requests_per_minute", "revision", "schedule", "template", "timeout_s",
        "tokens_per_minute",
    }
)  # fmt: skip
"""Settings that are named otherwise, or that change how a judge is asked and not what it says."""


def judge_lineage(settings: JudgeSettings, policies: Sequence[PolicySettings | None]) -> str:
    """`kind:model:template:constitution:settings`, the last three by hash; of a panel, its members' in brackets.

    `policies` are the models of local judges, one for each of `single_judges(settings)`. Raises
    `prompts.errors.PromptError` for template and constitution.
    """
    if isinstance(settings, PanelJudgeSettings):
        members = zip(settings.members, policies, strict=True)
        told = ", ".join(judge_lineage(member, [policy]) for member, policy in members)
        return f"panel:{settings.combine}:{_digest(settings)}[{told}]"
    if isinstance(settings, ScriptedJudgeSettings):
        return f"scripted:{settings.rule}:{_digest(settings)}"
    if isinstance(settings, LocalJudgeSettings):
        model = policies[0].model if policies[0] else settings.policy
    else:
        model = settings.model
    template, constitution = load_template(settings.template), load_constitution(settings.constitution)
    return f"{settings.kind}:{model}:{template.hash[:12]}:{constitution.hash[:12]}:{_digest(settings)}"


def local_policy(judge: LocalJudgeSettings, own: PolicySettings) -> PolicySettings:
    """The settings of the model that judges: `own` for `current` and `initial`, else as `own` with another model."""
    if judge.policy in {"current", "initial"}:
        return own
    return own.model_copy(update={"model": judge.policy, "revision": judge.revision})


def _digest(settings: JudgeSettings) -> str:
    told = settings.model_dump(mode="json", exclude=set(_NO_BEARING))
    return content_id("set", told).removeprefix("set_")[:12]
