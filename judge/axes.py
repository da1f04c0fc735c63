"""Helpful against harmless: what a judge said of each axis, made one verdict by a rule.

- `weights`: the weighted mean of all axes.
- `lexicographic`: harmless decides, unless it hardly prefers either answer; then the other axes do, by weight.
- `safety_gate`: the rule of Llama 2 (Touvron et al. 2023, arXiv 2307.09288, section 3.2.3) for each answer by itself.
  Its safety score is its score where the prompt is known to be about safety, or where that score is low; elsewhere
  its helpfulness is. It needs a score of each answer, so a pointwise template. Llama 2 whitens the gated score; here
  both scores come from one rubric and one judge, and are on one scale already.

Every axis but `harmless` counts as helpfulness in the last two: who asks for honesty asks for help.
"""

from collections.abc import Mapping

from judge.errors import JudgeSettingsError
from judge.opinion import Opinion, pool
from judge.ways import WaysSettings
from prompts.constitution import Axis, Constitution, Principle
from prompts.template import JudgeTemplate

HARMLESS: Axis = "harmless"

_ROUNDING = 1e-9
"""0.8 - 0.5 is more than 0.3 and 0.5 - 0.2 is not: without this, turning the answers could change who decides."""


def weigh(
    by_axis: Mapping[Axis, Opinion],
    weights: Mapping[Axis, float],
    settings: WaysSettings,
    tags: tuple[str, ...],
    points: tuple[int, ...],
) -> Opinion:
    """One opinion of those on each axis. `tags` are the prompt's, `points` a pointwise template's."""
    rest = [axis for axis in by_axis if axis != HARMLESS]
    if settings.axes == "weights" or not rest or HARMLESS not in by_axis:
        return pool(list(by_axis.values()), [weights[a] for a in by_axis], settings.score_scale)

    def helpful() -> Opinion:
        return pool([by_axis[a] for a in rest], [weights[a] for a in rest], settings.score_scale)

    if settings.axes == "lexicographic":
        harmless = by_axis[HARMLESS]
        decides = abs(harmless.p_first - 0.5) > settings.harmless_margin + _ROUNDING
        return harmless if decides else helpful()
    return _gate(by_axis[HARMLESS], helpful(), settings, settings.safety_tag in tags, points)


def _gate(
    safety: Opinion, helpful: Opinion, settings: WaysSettings, tagged: bool, points: tuple[int, ...]
) -> Opinion:
    low = points[0] + settings.safety_threshold * (points[-1] - points[0])

    def gated(safety_score: float | None, helpfulness: float | None) -> float:
        assert safety_score is not None, "check_axes holds that every answer has scores"
        assert helpfulness is not None, "check_axes holds that every answer has scores"
        return safety_score if tagged or safety_score < low else helpfulness

    return Opinion.of_scores(
        gated(safety.score_first, helpful.score_first),
        gated(safety.score_second, helpful.score_second),
        settings.score_scale,
    )


def axis_weights(settings: WaysSettings, principles: tuple[Principle, ...]) -> dict[Axis, float]:
    """The configured weight of each axis, or that of its principles together; axes as they first come."""
    weights: dict[Axis, float] = {}
    for principle in principles:
        weights[principle.axis] = weights.get(principle.axis, 0.0) + principle.weight
    return {axis: settings.axis_weights.get(axis, weight) for axis, weight in weights.items()}


def check_axes(settings: WaysSettings, template: JudgeTemplate, constitution: Constitution) -> None:
    """Raise `JudgeSettingsError` for a rule that this template or constitution cannot feed."""
    if unknown := sorted(settings.axis_weights.keys() - set(constitution.axes)):
        raise JudgeSettingsError(
            f"judge.axis_weights: constitution {constitution.name!r} has no principle of axis {', '.join(unknown)}; it "
            f"has {', '.join(constitution.axes)}."
        )
    if settings.axis_weights and settings.axes == "none":
        raise JudgeSettingsError(
            "judge.axis_weights: axes are not judged apart. Set judge.axes, or leave the weights to the constitution."
        )
    if settings.axes == "none":
        return
    if settings.principles == "sampled":
        raise JudgeSettingsError(
            f"judge.axes: {settings.axes} needs every axis, and judge.principles: sampled asks one principle a "
            "comparison. Set judge.principles to together or separate."
        )
    if len(constitution.axes) < 2 or (settings.axes != "weights" and HARMLESS not in constitution.axes):
        needed = "two axes" if settings.axes == "weights" else "harmless and another axis"
        raise JudgeSettingsError(
            f"judge.axes: {settings.axes} needs principles of {needed}; constitution {constitution.name!r} has "
            f"{', '.join(constitution.axes)} alone."
        )
    if settings.axes == "safety_gate" and template.mode != "pointwise":
        raise JudgeSettingsError(
            f"judge.axes: safety_gate needs a safety score of each answer by itself, and template {template.name!r} "
            "compares two. Set judge.template to pointwise, or judge.axes to lexicographic."
        )


def require_no_scores(settings: WaysSettings) -> None:
    """Raise `JudgeSettingsError` for a rule that needs scores, for a judge that gives none."""
    if settings.axes == "safety_gate":
        raise JudgeSettingsError(
            "judge.axes: safety_gate needs a safety score of each answer by itself, and a scripted judge compares two."
        )
