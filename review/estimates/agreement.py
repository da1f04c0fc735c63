"""How often people side with the judge on a round's own comparisons: what the gate's evidence holds of the audit."""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from judge.interval import Interval
from review.estimates.rate import disagreement_rate
from review.estimates.report import Method
from review.estimates.sampled import mean_verdicts, sampled
from store.answered import Answered
from store.records import Purpose
from store.run import RunStore


class AuditAgreement(BaseModel):
    """How often people side with the judge. `labels` = agreed + disagreed + `undecided`, a comparison each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: int = Field(ge=0)
    agreed: int = Field(ge=0)
    undecided: int = Field(ge=0)
    """People called the answers the same or both bad, or the judge said exactly one half."""
    agreement: Interval | None
    """Agreed over agreed and disagreed, 95%; None where nothing was decided."""
    method: Method = "wilson"
    why: str = ""
    """Why the interval was made so, in a sentence."""


def audit_agreement(store: RunStore, round: int, purpose: Purpose = "train") -> AuditAgreement:
    """The judge's own verdicts against the blind labels of the random lane on them; see `review.estimates.rate`.

    It takes verdicts and not pairs, because pairs follow the labels where there are any, and would agree with them by
    construction. Labels of "same" and "both bad" are neither agreement nor disagreement: the pair teaches
    nothing, but the judge was not wrong about it; they are counted as undecided.
    """
    rows = Answered(store.database, store.name)
    verdicts = mean_verdicts(rows.verdicts_on_items(round, purpose))
    sample = sampled(rows.answers(round, purpose), verdicts, rows.drawn(round, purpose))
    rate = disagreement_rate(sample)
    against = sample.against[~np.isnan(sample.against)]
    agreement = None
    if rate.interval is not None:
        wrong = rate.interval
        agreement = Interval(value=1.0 - wrong.value, low=1.0 - wrong.high, high=1.0 - wrong.low)
    labels = int(sample.scored.sum())
    return AuditAgreement(
        labels=labels,
        agreed=int((against == 0.0).sum()),
        undecided=labels - len(against),
        agreement=agreement,
        method=rate.method,
        why=rate.why,
    )
