"""What people and judges say of each comparison, folded: one figure each, whoever was asked how often."""

from collections.abc import Iterable, Sequence

from judge.ranks.standing import Standing, standing_labels
from review.errors import UnequalInclusion
from store.records import Comparison, Label, Verdict


def random_lane(labels: Iterable[Label]) -> dict[str, Standing]:
    chosen = [label for label in labels if label.lane == "random"]
    probabilities = sorted({label.inclusion_probability for label in chosen})
    if len(probabilities) > 1:
        raise UnequalInclusion(
            f"labels were drawn with probabilities from {probabilities[0]:.4g} to {probabilities[-1]:.4g}; "
            "estimate each draw (one round, one purpose) by itself"
        )
    return standing_labels(chosen)


def mean_p_first(judged: Iterable[tuple[Comparison, Verdict]]) -> dict[str, float | None]:
    """Several judges' verdicts on one comparison count their mean; None where none was scored."""
    scores: dict[str, list[float]] = {}
    for comparison, verdict in judged:
        own = scores.setdefault(comparison.id, [])
        if verdict.p_first is not None:
            own.append(verdict.p_first)
    return {comparison_id: _mean(own) for comparison_id, own in scores.items()}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
