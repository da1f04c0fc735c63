"""The rounds of a run as they are told: read from its markers, metrics and decisions, for a run in any state.

What the gate knew when it decided is read and not worked out again: a figure here is the one that was decided on.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from judge.cost import JudgeCost, cost_of
from judge.interval import Interval
from prompts.settings import Settings
from store.judge_usage import VerdictUsage
from store.records import Decision, StageMarker
from store.run import RunStore

STAGES = ("sample", "canaries", "judge", "spot_check", "pair", "train", "gate")
"""The stages of a round in the order in which `loop.round` plays them."""

TRUE_SCORE = "true_score"
"""Stage name under which the true scores stand in the store's metrics; see `loop.true_score`."""


class Audit(Settings):
    """How often people sided with the judge on a random sample of the comparisons behind this round's pairs.

    `labels` counts comparisons with one; `agreement`, with the 95% interval that fits the draw, is over those decided.
    """

    labels: int
    agreement: float | None = None
    low: float | None = None
    high: float | None = None


class TrueScore(Settings):
    """Mean score by the answer key on held-out prompts; only the starter has one, and no decision reads it."""

    incumbent: float
    candidate: float


CANARIES = "canaries"
"""The stage in which the judge is tried, and the name under which its figures stand in the store's metrics."""


class Canaries(Settings):
    """How often answers that must not win did: mean probabilities with their bootstrap 95% intervals.

    `null_wins` is of answers that say nothing against the policy's own; `attacked_wins` of the policy's own answers
    after an attack against themselves, so one half is a judge that the attack does not move.
    """

    null_wins: Interval | None = None
    attacked_wins: Interval | None = None


class ShadowAgreement(Settings):
    """How far the shadowing judge agrees with the first; see `loop.shadow.shadow_round`."""

    judge: str
    asked: int
    compared: int
    agreement: Interval | None = None
    gap: float | None = None


class RoundSummary(Settings):
    index: int
    samples: int = 0
    verdicts: int = 0
    unscored: int = 0
    pairs: int = 0
    pairs_over_length: int = 0
    """Of `pairs`, those that training left out for their length."""
    flip_rate: float | None = None
    cycle_rate: float | None = None
    canaries: Canaries | None = None
    judge_win_rate: Interval | None = None
    length_controlled_win_rate: Interval | None = None
    """The judge's word at equal length of the answers."""
    shadow: ShadowAgreement | None = None
    """Missing where no judge shadows the first."""
    audit: Audit = Audit(labels=0)
    corrected_win_rate: Interval | None = None
    gate_labels: int = 0
    judge_only_decision: Literal["promote", "keep"] | None = None
    decision: Literal["promote", "keep"] | None = None
    audited: bool = False
    reason: str = ""
    alarms: list[str] = Field(default_factory=list)
    true_score: TrueScore | None = None
    judge_cost: JudgeCost = JudgeCost()
    """Of the verdicts of this round; what the run really paid stands in its own."""
    seconds: dict[str, float] = Field(default_factory=dict)


def rounds_of(store: RunStore, usage: Mapping[int, VerdictUsage]) -> list[RoundSummary]:
    """Every round from its first finished stage on; `usage` is what the verdicts of each took."""
    markers: dict[int, dict[str, StageMarker]] = {}
    for marker in store.markers():
        markers.setdefault(marker.round, {})[marker.stage] = marker
    decisions = {d.round: d for d in store.decisions() if d.kind != "rollback"}
    return [
        _round(
            index,
            stages,
            decisions.get(index),
            dict(_true_scores(store, index)),
            usage.get(index),
            _canaries(store, index),
        )
        for index, stages in sorted(markers.items())
        if index > 0
    ]


def _round(
    index: int,
    stages: dict[str, StageMarker],
    decision: Decision | None,
    true: dict[str, float],
    usage: VerdictUsage | None,
    canaries: Canaries | None,
) -> RoundSummary:
    counts: dict[str, Any] = {}
    for marker in stages.values():
        counts.update(marker.counts)
    evidence = decision.evidence if decision else {}
    return RoundSummary(
        index=index,
        samples=counts.get("samples", 0),
        verdicts=counts.get("verdicts", 0),
        unscored=counts.get("unscored", 0),
        pairs=counts.get("pairs", 0),
        pairs_over_length=counts.get("over_length", 0),
        flip_rate=counts.get("flip_rate"),
        cycle_rate=counts.get("cycle_rate"),
        canaries=canaries,
        judge_win_rate=_interval(evidence.get("judge_win_rate")),
        length_controlled_win_rate=_interval(evidence.get("length_controlled_win_rate")),
        shadow=ShadowAgreement.model_validate(counts["shadow"]) if "shadow" in counts else None,
        audit=_audit(evidence.get("audit")),
        corrected_win_rate=_interval(evidence.get("corrected_win_rate")),
        gate_labels=evidence.get("labels", 0),
        judge_only_decision=decision.judge_only if decision else None,
        decision=decision.kind if decision and decision.kind != "rollback" else None,
        audited=decision.audited if decision else False,
        reason=decision.reason if decision else "",
        alarms=evidence.get("alarms", []),
        true_score=TrueScore(**true) if {"incumbent", "candidate"} <= set(true) else None,
        judge_cost=cost_of(usage),
        seconds={stage: round(stages[stage].seconds, 3) for stage in STAGES if stage in stages},
    )


def _interval(found: dict[str, Any] | None) -> Interval | None:
    return Interval(**{key: found[key] for key in ("value", "low", "high")}) if found else None


def _audit(found: dict[str, Any] | None) -> Audit:
    if not found:
        return Audit(labels=0)
    agreement = found["agreement"] or {}
    return Audit(
        labels=found["labels"],
        agreement=agreement.get("value"),
        low=agreement.get("low"),
        high=agreement.get("high"),
    )


def _canaries(store: RunStore, index: int) -> Canaries | None:
    """From the metrics, which are there even where the round was stopped for them."""
    rates: dict[str, dict[str, float]] = {}
    for _, name, value in store.metrics(index, CANARIES):
        rate, _, part = name.rpartition("_")
        rates.setdefault(rate, {})[part] = value
    return Canaries.model_validate(rates) if rates else None


def _true_scores(store: RunStore, index: int) -> list[tuple[str, float]]:
    return [(name, value) for _, name, value in store.metrics(index, TRUE_SCORE)]
