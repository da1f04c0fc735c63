"""A judge by itself, for what measures judges: chosen by a configuration file or a name, and opened without a run.

The choice is made first and checked without loading anything (`choose_judge`); opening loads weights. A run's own
file will do, and so will one that holds `judge:` alone, with `policy:` where a local judge needs one. Outside a run
there is no round, so a self-judge (`policy: current`) is the policy that the run starts from.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import get_args

from judge.api.known_endpoints import learn_endpoints
from judge.build import build_judge, check_judge
from judge.contract import Judge
from judge.settings import (
    JudgeSettings,
    LocalJudgeSettings,
    PanelJudgeSettings,
    ScriptedJudgeSettings,
    single_judges,
)
from loop.config import parse_config, read_tree
from loop.errors import ConfigError
from loop.first_policy import find_policy
from loop.judge_lineage import local_policy
from loop.progress import Progress, Silent
from policy.model import load_policy
from policy.scorer import PolicyScorer
from policy.settings import PolicySettings
from policy.source import STARTER, check_policy
from store.judge_calls import JudgeCalls

SCRIPTED = "scripted"
_RULES = get_args(ScriptedJudgeSettings.model_fields["rule"].annotation)
NAMES = (STARTER, SCRIPTED, *(f"{SCRIPTED}:{rule}" for rule in _RULES))
"""The judges that need no file: the local judge of the starter policy, and the scripted ones by rule."""


@dataclass(frozen=True)
class JudgeChoice:
    """A judge that can be opened. `name` is how it was asked for, with what stands in for the configured wording;
    `policies` are the models of local judges, one for each of `single_judges(settings)`, None for the others.
    """

    name: str
    settings: JudgeSettings
    policies: tuple[PolicySettings | None, ...]

    @property
    def policy(self) -> PolicySettings | None:
        """The model of the local judge, or of a panel's first; None where no model is loaded."""
        return next((policy for policy in self.policies if policy is not None), None)


def choose_judge(choice: str, *, template: str | None = None, constitution: str | None = None) -> JudgeChoice:
    """The judge that `choice` names: a YAML file with a `judge` section, or one of `NAMES`.

    `template` and `constitution` stand in for the configured ones. Raises ConfigError, and the errors of the package
    whose settings are at fault, before anything is loaded or spent.
    """
    settings, own = _named(choice) if choice in NAMES else _configured(choice)
    given = {"template": template, "constitution": constitution}
    words = {key: word for key, word in given.items() if word is not None}
    if words:
        settings = _reworded(choice, settings, words)
    check_judge(settings)
    policies = tuple(_model(choice, single, own) for single in single_judges(settings))
    for policy in policies:
        if policy is not None:
            check_policy(policy)
    return JudgeChoice(
        " ".join([choice, *(f"{key}={word}" for key, word in words.items())]), settings, policies
    )


@contextmanager
def open_judge(
    choice: str | JudgeChoice,
    *,
    template: str | None = None,
    constitution: str | None = None,
    progress: Progress | None = None,
    calls: JudgeCalls | None = None,
    account: str = "",
) -> Iterator[Judge]:
    """The judge, ready: weights are loaded (the starter is built where it is absent) and freed at the end.

    An external judge keeps what it is answered in `calls`, and what it spends is counted on `account`.
    What it compares must be made under its own constitution: `load_constitution(choice.settings.constitution).hash`.
    Raises as `choose_judge` does, and `policy.errors.PolicyRefused` for a model that cannot be loaded.
    """
    if isinstance(choice, str):
        choice = choose_judge(choice, template=template, constitution=constitution)
    elif template is not None or constitution is not None:
        raise ValueError("template and constitution are for a choice by name; give them to choose_judge")
    wanted = {
        (single.policy, single.revision): policy
        for single, policy in zip(single_judges(choice.settings), choice.policies, strict=True)
        if isinstance(single, LocalJudgeSettings) and policy is not None
    }
    if calls is not None:
        learn_endpoints(choice.settings, calls, account)
    with ExitStack() as loaded:
        scorers = {key: _scorer(policy, progress or Silent(), loaded) for key, policy in wanted.items()}
        yield build_judge(
            choice.settings, lambda local: scorers[local.policy, local.revision], calls=calls, account=account
        )


def _scorer(policy: PolicySettings, progress: Progress, loaded: ExitStack) -> PolicyScorer:
    found = find_policy(policy, progress)
    model = load_policy(policy, found.path, found.id)
    loaded.callback(model.close)
    return PolicyScorer(model)


def _named(name: str) -> tuple[JudgeSettings, PolicySettings | None]:
    if name == STARTER:
        words = {"template": STARTER, "constitution": STARTER}
        return LocalJudgeSettings(policy="initial", **words), PolicySettings(model=STARTER)
    rule = name.partition(":")[2]
    return ScriptedJudgeSettings.model_validate({"rule": rule} if rule else {}), None


def _configured(choice: str) -> tuple[JudgeSettings, PolicySettings | None]:
    path = Path(choice)
    if not path.is_file():
        near = get_close_matches(choice, NAMES, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(
            f"--judge {choice}: {hint}A judge is a YAML file with a `judge` section, such as configs/starter.yaml, or "
            f"one of {', '.join(NAMES)}"
        )
    tree = read_tree(path)
    if not tree.keys() & {"judge", "prompts"}:
        raise ConfigError(
            f"{path}: no `judge` section; put the judge's keys (kind, template, …) under `judge:`"
        )
    # The sections that a judge does without may be left out; those that are there are checked as in a run.
    config = parse_config({"prompts": {"source": STARTER}, "policy": {"model": STARTER}, **tree}, str(path))
    return config.judge, config.policy if "policy" in tree else None


def _model(choice: str, judge: JudgeSettings, own: PolicySettings | None) -> PolicySettings | None:
    """The model of a local judge; `own` is the policy that `current` and `initial` stand for."""
    if not isinstance(judge, LocalJudgeSettings):
        return None
    if own is None and judge.policy in {"current", "initial"}:
        raise ConfigError(
            f"{choice}: judge.policy is {judge.policy}, and there is no `policy` section to say which policy that is; "
            "add one, or set judge.policy to starter, a model folder or a hub id"
        )
    return local_policy(judge, own or PolicySettings(model=judge.policy))


def _reworded(choice: str, settings: JudgeSettings, words: dict[str, str]) -> JudgeSettings:
    if isinstance(settings, ScriptedJudgeSettings):
        raise ConfigError(
            f"--judge {choice}: a scripted judge reads no template and no constitution; leave them out"
        )
    if isinstance(settings, PanelJudgeSettings):
        members = [
            member if isinstance(member, ScriptedJudgeSettings) else member.model_copy(update=words)
            for member in settings.members
        ]
        return settings.model_copy(update={**words, "members": members})
    return settings.model_copy(update=words)
