"""How an endpoint is asked the first time, by what a probe has found where there was one.

Without findings a request starts with everything and learns from refusals. With them it starts with what works, which
also spares what is accepted without effect, and a typed decision endpoint can take the place of the chat: where the
template wants a bare label and the chat gives no log-probabilities, a decision is soft where a reply would be hard.
Where the chat does give them it is preferred: the model then sees the template's own words and nothing else, and the
share of its probability that the labels hold is known.
"""

from dataclasses import replace

from judge.api.decisions import DIALECTS, DecisionEndpoint
from judge.api.endpoint_features import EndpointFeatures
from judge.api.features import Features, Form
from judge.errors import JudgeSettingsError
from judge.settings import ApiJudgeSettings
from prompts.template import JudgeTemplate


def first_features(
    settings: ApiJudgeSettings,
    template: JudgeTemplate,
    known: EndpointFeatures | None = None,
    decisions: DecisionEndpoint | None = None,
) -> Features:
    """What to ask for first, by what is known; `decisions` is what is asked in place of the chat."""
    features = Features.first(settings, template.reply)
    if decisions is not None:
        # A decision has the probability of every reply, whatever a chat would have, and there is one of it.
        return replace(features, top_logprobs=len(decisions.labels), n=False)
    if known is None:
        return features
    form: Form = features.format
    if not features.fixed_format:
        form = (
            "json_schema" if known.json_schema.works else "json_object" if known.json_object.works else "text"
        )
    other_limit = not known.max_tokens.works
    return replace(
        features,
        format=form,
        top_logprobs=min(features.top_logprobs, known.top_logprobs),
        temperature=features.temperature and known.temperature.works,
        limit="max_completion_tokens" if other_limit else "max_tokens",
        n=known.n.works,
        system="system" if known.system.works else "developer",
        thinks=other_limit or known.reasoning_tokens > 0,
    )


def decision_endpoint(
    settings: ApiJudgeSettings, template: JudgeTemplate, known: EndpointFeatures | None = None
) -> DecisionEndpoint | None:
    """The typed decision endpoint to ask in place of the chat; None where the chat is asked.

    Raises `JudgeSettingsError` where the settings name one and the template does not fit it.
    """
    fits = template.mode == "pairwise" and template.reply == "label"
    if settings.decisions == "never":
        return None
    if settings.decisions != "auto":
        if settings.delivery == "batch":
            raise JudgeSettingsError(
                f"judge.decisions: {settings.decisions} cannot go off in batches; set judge.delivery to live, or "
                "judge.decisions to never."
            )
        if not fits:
            raise JudgeSettingsError(
                f"judge.decisions: {settings.decisions} gives probabilities and no text, but template "
                f"{template.name!r} asks for more than the label of one of two answers. Use a pairwise template with "
                "`reply: label`, such as pairwise, or set judge.decisions to never."
            )
        return DecisionEndpoint(settings.decisions, template.replies)
    if known is None or not fits or known.top_logprobs or settings.delivery == "batch":
        return None
    found = next((dialect for dialect in DIALECTS if known.finding(dialect).works), None)
    return DecisionEndpoint(found, template.replies) if found else None
