"""Everything a report shows, as plain values: what the page and the charts see, and all they see."""

from dataclasses import dataclass
from statistics import fmean

from loop.report.calibration import Bin
from loop.standings import RunLeague
from loop.summary import RunSummary
from review.charts import Series
from review.drift import DriftSeries
from review.estimates.report import AuditReport
from review.rounds import RoundSummary
from store.records import Checkpoint, Decision, Purpose


@dataclass(frozen=True)
class Lengths:
    """Tokens of each held-out answer of a round, by policy; empty where a policy has none."""

    round: int
    initial: tuple[int, ...]
    incumbent: tuple[int, ...]
    candidate: tuple[int, ...]

    @property
    def means(self) -> str:
        """The three means, in words."""
        named = (("initial", self.initial), ("incumbent", self.incumbent), ("candidate", self.candidate))
        return ", ".join(f"{name} {fmean(tokens):.1f}" for name, tokens in named if tokens)


@dataclass(frozen=True)
class ScorePoint:
    """True scores of one round. `judge_only` is what the judge alone would have shipped by then."""

    round: int
    incumbent: float
    candidate: float
    promoted: bool
    shipped: float
    judge_only: float


@dataclass(frozen=True)
class Example:
    """A held-out prompt with the initial policy's answer and, where it is another, the shipped policy's."""

    question: str
    turns: int
    before: str
    after: str | None


@dataclass(frozen=True)
class Facts:
    """What a report shows."""

    summary: RunSummary
    decisions: tuple[Decision, ...]
    shipped: Checkpoint | None
    evidence: str
    """`labels` or `judge`: what the gate was configured to decide by."""
    judge_win_rates: Series
    corrected_win_rates: Series
    agreements: Series
    audits: tuple[AuditReport, ...]
    """By round, of those whose comparisons were drawn for people."""
    shadow_agreements: Series
    league: RunLeague | None
    calibration: dict[Purpose, list[Bin]]
    drift: list[DriftSeries]
    lengths: list[Lengths]
    scores: list[ScorePoint]
    examples: list[Example]
    labels: int
    provenance: list[tuple[str, str]]

    @property
    def shadow_judge(self) -> str:
        """Whoever shadows the judge; empty where nobody does."""
        return next((r.shadow.judge for r in self.summary.rounds if r.shadow is not None), "")

    @property
    def promoted(self) -> set[str]:
        """Revisions that the gate let in."""
        return {d.policy for d in self.decisions if d.kind == "promote"}

    @property
    def decided(self) -> list[RoundSummary]:
        return [r for r in self.summary.rounds if r.decision is not None]
