"""Everything a report shows, as plain values: what the page and the charts see, and all they see."""

from dataclasses import dataclass
from statistics import fmean

from judge.interval import Interval
from loop.report.calibration import Bin
from loop.standings import RunLeague
from loop.summary import RoundSummary, RunSummary
from store.records import Checkpoint, Decision, Purpose

TITLES = {
    "distinct_1": "distinct words",
    "distinct_2": "distinct word pairs",
    "kl_initial": "KL from initial",
    "kl_last": "KL from incumbent",
    "kl_initial_answer": "KL from initial",
    "kl_last_answer": "KL from incumbent",
}
"""Drift metrics whose name alone says too little; their unit stands beside."""

Series = list[tuple[int, Interval]]
"""A figure by round, for the rounds that have it."""


@dataclass(frozen=True)
class DriftPoint:
    """A drift metric of one round's candidate; `low` and `high` are its bounds where it has them."""

    round: int
    value: float
    low: float | None
    high: float | None
    alarm: bool


@dataclass(frozen=True)
class DriftSeries:
    """A drift metric over the rounds; `initial` is its value at the initial policy."""

    name: str
    unit: str
    initial: float | None
    points: tuple[DriftPoint, ...]

    @property
    def title(self) -> str:
        """Its name for people."""
        return TITLES.get(self.name, self.name.replace("_", " "))

    @property
    def alarms(self) -> list[int]:
        """Rounds in which it was out of bounds."""
        return [point.round for point in self.points if point.alarm]


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
