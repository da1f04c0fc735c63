"""The gate: whether the candidate becomes the policy.

The judge's word alone promotes policies that are truly worse, round after round, while its accuracy on any fixed
benchmark stays what it was. So what decides is people's labels on a random part of the held-out comparisons: a
candidate is promoted when the one-sided lower bound of its label-corrected win rate is above one half and no blocking
drift alarm is up. Without enough labels the incumbent stays. A configuration may put the judge's word in the place
of labels (`gate.evidence: judge`); that decision is called unaudited wherever it shows.

What the judge's word alone would have decided is worked out beside every decision.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

from judge.interval import Interval
from loop.settings import GateSettings
from review.estimates.agreement import AuditAgreement
from review.estimates.win_rate import Estimate

_HALF = 0.5


class GateEvidence(BaseModel):
    """What is known of a candidate when the gate decides. None where it was not or could not be measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    judge_win_rate: Interval | None
    """The held-out win rate by the judge's word, 95% by bootstrap over prompts; None: nothing was scored."""
    length_controlled_win_rate: Interval | None = None
    """The judge's word at equal length (see `judge.ranks.length_control`). Reported; decides nothing."""
    corrected_win_rate: Estimate | None = None
    """The same as corrected by labels; None without a label."""
    audit: AuditAgreement | None = None
    """How often people sided with the judge on this round's own pairs. Reported; decides nothing."""
    differing: int = Field(ge=0)
    """Held-out comparisons whose two answers differ: what labels can be drawn from."""
    simulated: bool = False
    """Whether labels came from the simulated reviewer."""
    alarms: tuple[str, ...] = ()
    """Drift alarms that block a promotion, by name."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def labels(self) -> int:
        """Labels of the random lane that the corrected win rate stands on."""
        return self.corrected_win_rate.labels if self.corrected_win_rate else 0


class GateDecision(BaseModel):
    """What becomes of the candidate, and why, in one sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["promote", "keep"]
    judge_only: Literal["promote", "keep"]
    """What the judge's word alone would have decided."""
    audited: bool
    """Whether people's labels decided."""
    reason: str


def decide(evidence: GateEvidence, settings: GateSettings) -> GateDecision:
    """Weigh the evidence; the same evidence and settings give the same decision and the same sentence."""
    judge_says = evidence.judge_win_rate is not None and evidence.judge_win_rate.above(_HALF)
    audited = False
    if evidence.differing == 0:
        promote, why = False, "The candidate answers every held-out prompt as the incumbent does"
    elif settings.evidence == "judge":
        promote, why = _by_judge(evidence, judge_says)
    elif evidence.labels < settings.min_labels:
        promote, why = False, _too_few_labels(evidence, settings, judge_says)
    else:
        promote, why = _by_labels(evidence, judge_says)
        audited = True
    return GateDecision(
        kind="promote" if promote else "keep",
        judge_only="promote" if judge_says else "keep",
        audited=audited,
        reason=f"{why}: {'promoted the candidate' if promote else 'kept the incumbent'}.",
    )


def _by_judge(evidence: GateEvidence, judge_says: bool) -> tuple[bool, str]:
    why = f"{_capital(_judge(evidence))}, unaudited by people"
    if evidence.alarms:
        why += _drift(evidence, against=judge_says)
    return judge_says and not evidence.alarms, why


def _by_labels(evidence: GateEvidence, judge_says: bool) -> tuple[bool, str]:
    found = evidence.corrected_win_rate
    assert found is not None, "decide asks for labels first"
    better = found.lower > _HALF
    joint = "and" if better == judge_says else "but"
    kind = "simulated labels" if evidence.simulated else "labels"
    people = (
        f"{found.labels} {kind} put the candidate at {found.value:.2f} "
        f"(one-sided {100 * found.confidence:g}% lower bound {found.lower:.2f})"
    )
    why = f"{_capital(_judge(evidence))}, {joint} {people}"
    if evidence.alarms:
        why += _drift(evidence, against=better)
    return better and not evidence.alarms, why


def _too_few_labels(evidence: GateEvidence, settings: GateSettings, judge_says: bool) -> str:
    kind = "simulated labels" if evidence.simulated else "labels"
    needed = f"of the {settings.min_labels} {kind} that the gate needs"
    why = f"{_capital(_judge(evidence))}, {'but' if judge_says else 'and'} "
    if evidence.differing < settings.min_labels:
        return why + (
            f"only {evidence.differing} held-out answers differ, which cannot give {needed.removeprefix('of ')} "
            "(add held-out prompts, or lower gate.min_labels)"
        )
    there = f"only {evidence.labels} {needed} are" if evidence.labels else f"none {needed} is"
    return why + f"{there} there (answer `rlaif review next`, and let the run wait with gate.wait)"


def _judge(evidence: GateEvidence) -> str:
    rate = evidence.judge_win_rate
    if rate is None:
        return "the judge scored none of the held-out comparisons"
    if rate.above(_HALF):
        opinion = "calls the candidate better"
    elif rate.high < _HALF:
        opinion = "calls the candidate worse"
    else:
        opinion = "sees no clear difference"
    return f"the judge {opinion} (win rate {rate.value:.2f}, 95% CI {rate.low:.2f}–{rate.high:.2f})"


def _drift(evidence: GateEvidence, *, against: bool) -> str:
    """The alarms as a clause; `against` what was said before, or one more reason."""
    start = ", but its answers" if against else "; its answers also"
    return f"{start} drifted out of bounds ({', '.join(evidence.alarms)})"


def _capital(clause: str) -> str:
    return clause[0].upper() + clause[1:]
