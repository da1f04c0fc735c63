"""What labels did to a round's decision, as entries of the ledger (`store.effects`).

The corrected win rate stands on blind labels of the random lane: those counted. They turned the decision where the
judge alone would have decided otherwise; all that counted did so together. Labels on the round's own pairs decide
nothing, but the measure of the judge that is published with the decision stands on them: the `audit` stage says so.
"""

from collections.abc import Iterable, Iterator

from judge.ranks.standing import Standing, standing_labels
from loop.label_effects import why_not_standing
from store.effects import Effect, EffectStage, LabelEffect
from store.records import Decision, Label
from store.run import RunStore


def decision_effects(store: RunStore, decision: Decision) -> Iterator[LabelEffect]:
    """Entries for the labels that are there as a decision is written, right after its evidence was gathered."""
    index = decision.round
    waiting = list(store.labels_without_effect(index, "gate"))
    counted = _counted(store.labels(index, "gate", blind=True))
    own = [label for played, label in waiting if played == index]
    standing = standing_labels(own)
    turned = (
        decision.audited and decision.kind != decision.judge_only and not decision.evidence.get("blocking")
    )
    for position, (played, label) in enumerate(waiting):
        effect: Effect = "nothing"
        if played < index:
            why = "after_the_decision"
        elif label.id not in counted:
            why = _why_not_counted(label, own, standing)
        elif not decision.audited:
            why = "not_audited"
        else:
            effect, why = ("turned", "against_the_judge") if turned else ("counted", "with_the_judge")
            if not turned and decision.kind != decision.judge_only:
                why = "drift_decided"
        yield _entry(label, index, "gate", position, effect, why, decision.candidate)
    audit = _counted(store.labels(index, "train", blind=True))
    for position, (_, label) in enumerate(sorted(audit.items())):
        yield _entry(label, index, "audit", position, "counted", "random_and_blind", decision.candidate)


def _counted(blind: Iterable[Label]) -> dict[str, Label]:
    return {label.id: label for label in blind if label.lane == "random"}


def _why_not_counted(label: Label, own: list[Label], standing: dict[str, Standing]) -> str:
    if label.lane != "random":
        return "not_random"
    if not label.blind:
        return "not_blind"
    return why_not_standing(label, own, standing.get(label.comparison_id)) or "not_scored"


def _entry(
    label: Label, index: int, stage: EffectStage, position: int, effect: Effect, why: str, subject: str | None
) -> LabelEffect:
    return LabelEffect(
        label_id=label.id,
        comparison_id=label.comparison_id,
        reviewer=label.reviewer,
        round=index,
        stage=stage,
        position=position,
        effect=effect,
        why=why,
        subject=subject,
    )
