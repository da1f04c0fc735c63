"""How often people side with the judge on a round's own comparisons: what the gate's evidence holds of it.

Only the random lane enters, and only with equal inclusion probabilities.
"""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field
from statsmodels.stats.proportion import proportion_confint

from judge.interval import Interval
from review.estimates.standing import mean_p_first, random_lane
from store.records import Comparison, Label, Verdict


class AuditAgreement(BaseModel):
    """How often people side with the judge. `labels` = agreed + disagreed + `undecided`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: int = Field(ge=0)
    agreed: int = Field(ge=0)
    undecided: int = Field(ge=0)
    """People called the answers the same or both bad, or the judge said exactly one half."""
    agreement: Interval | None
    """Agreed over agreed and disagreed, Wilson 95%; None where nothing was decided."""


def audit_agreement(judged: Iterable[tuple[Comparison, Verdict]], labels: Iterable[Label]) -> AuditAgreement:
    """The judge's own verdicts against the random lane's labels on them.

    It takes verdicts and not pairs, because pairs follow the labels where there are any, and would agree with them by
    construction. Labels of "same" and "both bad" are neither agreement nor disagreement: the pair teaches
    nothing, but the judge was not wrong about it; they are counted as undecided. Wilson (1927), by statsmodels.
    Raises UnequalInclusion.
    """
    standing = random_lane(labels)
    p_first = mean_p_first(judged)
    agreed = disagreed = undecided = 0
    for comparison_id, people in standing.items():
        p = p_first.get(comparison_id)
        if p is None:
            continue
        if not people.decided or p == 0.5:
            undecided += 1
        elif (p > 0.5) == (people.p_first > 0.5):
            agreed += 1
        else:
            disagreed += 1
    decided = agreed + disagreed
    interval = None
    if decided:
        low, high = proportion_confint(agreed, decided, alpha=0.05, method="wilson")
        share = agreed / decided
        # Wilson's bounds reach 0 and 1 only up to rounding.
        interval = Interval(value=share, low=min(float(low), share), high=max(float(high), share))
    return AuditAgreement(labels=decided + undecided, agreed=agreed, undecided=undecided, agreement=interval)
