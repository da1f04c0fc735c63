"""Everything about a configuration that can be checked before a model is loaded or money is spent."""

from judge.build import check_judge
from judge.errors import JudgeSettingsError
from judge.settings import LocalJudgeSettings
from loop.config import RunConfig
from loop.drift import load_patterns
from loop.errors import ConfigError
from loop.true_score import has_answer_key
from loop.wording import read_prompts
from policy.settings import PolicySettings
from policy.source import check_policy
from policy.training import check_training
from prompts.sets import PromptSet


def check(config: RunConfig, *, secrets: bool = True) -> PromptSet:
    """Refuse a configuration that cannot run; the prompts, read, where it can.

    Without `secrets` the environment variables that hold a key or a store's URL need not be set yet.
    Raises ConfigError, or the error of the package whose settings are at fault, with the key to change.
    """
    check_policy(config.policy)
    check_training(config.train)
    for judge in config.judges:
        check_judge(judge, key=False)
    if secrets and (missing := missing_secrets(config)):
        raise ConfigError("\n".join(missing))
    for own in own_models(config):
        check_policy(judge_policy(config, own))
    load_patterns(config.drift)
    if config.sampler.kind == "server" and not config.sampler.serve_command:
        raise ConfigError(
            "sampler.serve_command: needed with sampler.kind: server, such as `vllm serve {path} --port {port}`"
        )
    if config.reviewer.kind == "simulated" and not has_answer_key(config):
        raise ConfigError(
            "reviewer.kind: a simulated reviewer needs an answer key, and only prompts.source: starter has one; "
            "set reviewer.kind: people"
        )
    prompts = read_prompts(config)
    for split, found in (("train", prompts.train), ("heldout", prompts.heldout)):
        if not found:
            raise ConfigError(
                f"prompts.source: {config.prompts.source} gives no {split} prompts; mark rows with `split`, or set "
                "prompts.heldout or prompts.heldout_share"
            )
    return prompts


def missing_secrets(config: RunConfig) -> list[str]:
    """What has to be set in the environment before the run can start, a sentence each."""
    missing = []
    try:
        _ = config.store_url
    except ConfigError as error:
        missing.append(str(error))
    for judge in config.judges:
        try:
            check_judge(judge)
        except JudgeSettingsError as error:
            missing.append(str(error))
    return list(dict.fromkeys(missing))


def own_models(config: RunConfig) -> list[LocalJudgeSettings]:
    """The local judges of the run that judge by a model of their own, not by the run's policy."""
    return [
        judge
        for judge in config.judges
        if isinstance(judge, LocalJudgeSettings) and judge.policy not in {"current", "initial"}
    ]


def judge_policy(config: RunConfig, judge: LocalJudgeSettings) -> PolicySettings:
    """The settings of a judge's own model: the policy's, with another model."""
    return config.policy.model_copy(update={"model": judge.policy, "revision": judge.revision})
