"""The labels that stand: of each reviewer the latest, of several reviewers their mean.

A withdrawn label stands for nothing. An override is somebody's correction of what the queue said: where there is one,
the latest stands alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

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
    by_item: dict[tuple[str, str, str], Label] = {}
    for label in labels:
        seen = (label.comparison_id, label.reviewer, label.item_id)
        if seen not in by_item or _revised(label) > _revised(by_item[seen]):
            by_item[seen] = label
    # A comparison can be on several items: drawn in one lane, corrected in another. Revisions count within an item.
    latest: dict[tuple[str, str], Label] = {}
    overrides: dict[str, Label] = {}
    for (comparison_id, reviewer, _), label in by_item.items():
        if label.value == "withdrawn":
            continue
        if label.source == "override":
            overrides[comparison_id] = max(label, overrides.get(comparison_id, label), key=_newest)
        else:
            own = (comparison_id, reviewer)
            latest[own] = max(label, latest.get(own, label), key=_newest)
    by_comparison = {comparison_id: [label] for comparison_id, label in overrides.items()}
    for (comparison_id, _), label in sorted(latest.items()):
        if comparison_id not in overrides:
            by_comparison.setdefault(comparison_id, []).append(label)
    return {
        comparison_id: Standing(sum(label.p_first for label in own) / len(own), tuple(own))
        for comparison_id, own in by_comparison.items()
    }


def _revised(label: Label) -> tuple[int, datetime, str]:
    return label.revision, label.created_at, label.id


def _newest(label: Label) -> tuple[datetime, int, str]:
    return label.created_at, label.revision, label.id
