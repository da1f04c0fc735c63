"""The labels that stand: of each reviewer the latest revision, of several reviewers their mean.

A withdrawn label stands for nothing. An override is somebody's correction of what the queue said: where there is one,
the latest stands alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from store.records import Label


@dataclass(frozen=True)
class Standing:
    """What people say of one comparison. `p_first` is the mean of `Label.p_first` over its reviewers."""

    p_first: float
    labels: tuple[Label, ...]
    """One of each reviewer, by reviewer name."""

    @property
    def p_tie(self) -> float:
        """Share of the reviewers who prefer neither answer."""
        return sum(label.p_first == 0.5 for label in self.labels) / len(self.labels)

    @property
    def decided(self) -> bool:
        """Whether people prefer one of the answers: not the same, not both bad, not split evenly."""
        return self.p_first != 0.5


def standing_labels(labels: Iterable[Label]) -> dict[str, Standing]:
    """Fold labels by comparison id; the order in which they come does not matter."""
    latest: dict[tuple[str, str], Label] = {}
    for label in labels:
        key = (label.comparison_id, label.reviewer)
        kept = latest.get(key)
        if kept is None or (label.revision, label.created_at, label.id) > (
            kept.revision,
            kept.created_at,
            kept.id,
        ):
            latest[key] = label
    by_comparison: dict[str, list[Label]] = {}
    for (comparison_id, _), label in sorted(latest.items()):
        if label.value != "withdrawn":
            by_comparison.setdefault(comparison_id, []).append(label)
    for comparison_id, own in by_comparison.items():
        overrides = [label for label in own if label.source == "override"]
        if overrides:
            by_comparison[comparison_id] = [max(overrides, key=lambda label: (label.created_at, label.id))]
    return {
        comparison_id: Standing(sum(label.p_first for label in own) / len(own), tuple(own))
        for comparison_id, own in by_comparison.items()
    }
