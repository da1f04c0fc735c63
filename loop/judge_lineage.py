"""What a calibration is about: a judge by everything that bears on its probabilities, and nothing that does not.

A verdict's `judge` names the exact weights, which for a self-judge change every round; a calibration names the policy
by how it was configured. It goes stale as the weights move on, which the audit of each round shows.
"""

from judge.settings import JudgeSettings, LocalJudgeSettings, ScriptedJudgeSettings
from policy.settings import PolicySettings
from prompts.constitution import load_constitution
from prompts.hashing import content_id
from prompts.template import load_template

_NO_BEARING = frozenset(
    {
        "api_key_env", "attempts", "base_url", "batch", "batch_tokens", "budget", "calibration", "concurrency",
        "constitution", "deadline_s", "kind", "max_tokens", "model", "policy", "prices", "revision", "schedule",
        "template", "timeout_s",
    }
)  # fmt: skip
"""Settings that are named otherwise, or that change how a judge is asked and not what it says."""


def judge_lineage(settings: JudgeSettings, policy: PolicySettings | None) -> str:
    """`kind:model:template:constitution:settings`, the last three by hash; `policy` is the model of a local judge.

    Raises `prompts.errors.PromptError` for template and constitution.
    """
    rest = {key: value for key, value in settings.model_dump(mode="json").items() if key not in _NO_BEARING}
    digest = content_id("set", rest).removeprefix("set_")[:12]
    if isinstance(settings, ScriptedJudgeSettings):
        return f"scripted:{settings.rule}:{digest}"
    if isinstance(settings, LocalJudgeSettings):
        model = policy.model if policy else settings.policy
    else:
        model = settings.model
    template, constitution = load_template(settings.template), load_constitution(settings.constitution)
    return f"{settings.kind}:{model}:{template.hash[:12]}:{constitution.hash[:12]}:{digest}"
