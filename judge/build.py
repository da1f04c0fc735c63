"""From settings to a judge, and what can be found wrong with them before a model is loaded."""

from collections.abc import Callable

from judge.api import ApiJudge, require_different_votes
from judge.contract import Judge, LabelScorer
from judge.endpoint import require_key
from judge.errors import JudgeSettingsError
from judge.local import LocalJudge, require_label_replies
from judge.paid_calls import known_price, paid_calls
from judge.panel import PanelJudge
from judge.scripted import ScriptedJudge
from judge.settings import (
    ApiJudgeSettings,
    JudgeSettings,
    LocalJudgeSettings,
    PanelJudgeSettings,
)
from prompts.constitution import load_constitution
from prompts.template import load_template
from store.judge_calls import JudgeCalls

ScorerOf = Callable[[LocalJudgeSettings], LabelScorer]
"""Finds the policy that a local judge reads label probabilities from."""


def check_judge(settings: JudgeSettings, *, key: bool = True) -> None:
    """Refuse what cannot work, without loading a model or asking anyone; a missing key only where `key` says so.

    Raises `prompts.errors.PromptError` for template and constitution, `JudgeSettingsError` for the rest.
    """
    if isinstance(settings, PanelJudgeSettings):
        for member in settings.members:
            check_judge(member, key=key)
        return
    template = load_template(settings.template)
    load_constitution(settings.constitution)
    if isinstance(settings, LocalJudgeSettings):
        require_label_replies(template)
    elif isinstance(settings, ApiJudgeSettings):
        require_different_votes(settings)
        known_price(settings)
        if key:
            require_key(settings)


def build_judge(
    settings: JudgeSettings,
    scorer: LabelScorer | ScorerOf | None = None,
    *,
    calls: JudgeCalls | None = None,
    account: str = "",
) -> Judge:
    """The judge these settings describe. A local judge needs `scorer`, the others do without.

    A panel may hold several local judges: give a function that finds the scorer of each. An external judge keeps what it
    is answered in `calls`, and what it spends is counted on `account`, a run's name. Raises as `check_judge` does.
    """
    if isinstance(settings, PanelJudgeSettings):
        members = [build_judge(member, scorer, calls=calls, account=account) for member in settings.members]
        return PanelJudge(members, combine=settings.combine, weights=settings.weights, quorum=settings.quorum)
    if not isinstance(settings, LocalJudgeSettings | ApiJudgeSettings):
        return ScriptedJudge.from_settings(settings)
    template, constitution = load_template(settings.template), load_constitution(settings.constitution)
    if isinstance(settings, ApiJudgeSettings):
        return ApiJudge(settings, template, constitution, calls=paid_calls(settings, calls, account))
    if scorer is None:
        raise JudgeSettingsError("judge.kind: a local judge needs a policy to score labels; none was given.")
    found = scorer if isinstance(scorer, LabelScorer) else scorer(settings)
    return LocalJudge(found, template, constitution, settings)
