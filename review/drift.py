"""Drift metrics over a run's rounds, as its decisions keep them (see `loop.drift` for what they mean)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from store.records import Decision

TITLES = {
    "distinct_1": "distinct words",
    "distinct_2": "distinct word pairs",
    "kl_initial": "KL from initial",
    "kl_last": "KL from incumbent",
    "kl_initial_answer": "KL from initial",
    "kl_last_answer": "KL from incumbent",
}
"""Drift metrics whose name alone says too little; their unit stands beside."""


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


def drift_series(decisions: Sequence[Decision]) -> list[DriftSeries]:
    """Every metric that was measured at least once, in the order of its first round."""
    found: dict[str, tuple[dict[str, Any], list[DriftPoint]]] = {}
    for decision in decisions:
        for metric in decision.evidence.get("drift", {}).get("metrics", []):
            if metric["candidate"] is None:
                continue
            points = found.setdefault(metric["name"], (metric, []))[1]
            bounds = {side: None if metric[side] is None else float(metric[side]) for side in ("low", "high")}
            points.append(
                DriftPoint(decision.round, float(metric["candidate"]), **bounds, alarm=metric["alarm"])
            )
    return [
        DriftSeries(
            name,
            metric["unit"],
            None if metric["initial"] is None else float(metric["initial"]),
            tuple(points),
        )
        for name, (metric, points) in found.items()
    ]
