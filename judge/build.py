"""From settings to a judge, and what can be found wrong with them before a model is loaded."""

from collections.abc import Callable

from judge.api.address import require_key
from judge.api.criteria import check_asides
from judge.api.first_features import decision_endpoint
from judge.api.judge import ApiJudge, require_different_votes
from judge.api.known_endpoints import stored_endpoint
from judge.api.opened_calls import open_calls
from judge.api.paid_calls import known_price
from judge.api.pointwise import ApiPointwiseJudge
from judge.axes import require_no_scores
from judge.contract import Judge, LabelScorer
from judge.errors import JudgeSettingsError
from judge.local import LocalJudge
from judge.local_pointwise import LocalPointwiseJudge
from judge.meta import MetaJudge, require_reasons
from judge.panel import PanelJudge
from judge.principles import DividedJudge, check_parts, is_divided
from judge.scorer_judge import require_label_replies
from judge.scripted import ScriptedJudge
from judge.settings import (
    ApiJudgeSettings,
    JudgeSettings,
    LocalJudgeSettings,
    PanelJudgeSettings,
    ScriptedJudgeSettings,
    critic_settings,
)
from prompts.constitution import Constitution, load_constitution
from prompts.template import JudgeTemplate, load_template
from store.judge_calls import JudgeCalls, sub_account
from store.judge_endpoints import JudgeEndpoints

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
    template, constitution = load_template(settings.template), load_constitution(settings.constitution)
    check_parts(settings, template, constitution)
    if isinstance(settings, ScriptedJudgeSettings):
        require_no_scores(settings)
        return
    check_asides(settings, template)
    if isinstance(settings, LocalJudgeSettings):
        require_label_replies(template)
    else:
        require_different_votes(settings)
        if settings.meta is not None:
            require_reasons(template)
            check_judge(critic_settings(settings, settings.meta), key=False)
        decision_endpoint(settings, template)
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

    A panel may hold several local judges: give a function that finds the scorer of each. An external judge keeps what
    it is answered in `calls`, and what it spends is counted on `account`, a run's name. Raises as `check_judge` does.
    """
    if isinstance(settings, PanelJudgeSettings):
        members = [
            build_judge(member, scorer, calls=calls, account=sub_account(account, str(number)))
            for number, member in enumerate(settings.members, 1)
        ]
        return PanelJudge(members, combine=settings.combine, weights=settings.weights, quorum=settings.quorum)
    template, constitution = load_template(settings.template), load_constitution(settings.constitution)
    check_parts(settings, template, constitution)
    whole = _undivided(settings, template, constitution, scorer, calls, account)
    return DividedJudge(whole, settings, template, constitution) if is_divided(settings) else whole


def _undivided(
    settings: LocalJudgeSettings | ApiJudgeSettings | ScriptedJudgeSettings,
    template: JudgeTemplate,
    constitution: Constitution,
    scorer: LabelScorer | ScorerOf | None,
    calls: JudgeCalls | None,
    account: str,
) -> Judge:
    """The judge that is asked by all the principles a comparison names, in one prompt."""
    if isinstance(settings, ScriptedJudgeSettings):
        require_no_scores(settings)
        return ScriptedJudge.from_settings(settings)
    check_asides(settings, template)
    scores = template.mode == "pointwise"
    if isinstance(settings, ApiJudgeSettings):
        stored = stored_endpoint(settings, JudgeEndpoints(calls.database)) if calls else None
        known = stored.features if stored else None
        asking = ApiPointwiseJudge if scores else ApiJudge
        paid = open_calls(settings, calls, account)
        judge = asking(settings, template, constitution, calls=paid, known=known)
        if settings.meta is None:
            return judge
        require_reasons(template)
        second = critic_settings(settings, settings.meta)
        critic = build_judge(second, calls=calls, account=sub_account(account, "meta"))
        weighed_by = load_constitution(second.constitution).hash
        return MetaJudge(judge, critic, template, weighed_by, settings.answer_chars)
    if scorer is None:
        raise JudgeSettingsError("judge.kind: a local judge needs a policy to score labels; none was given.")
    found = scorer if isinstance(scorer, LabelScorer) else scorer(settings)
    reading = LocalPointwiseJudge if scores else LocalJudge
    return reading(found, template, constitution, settings)
