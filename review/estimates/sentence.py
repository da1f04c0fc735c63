"""The sentence that matters, in plain English: how far the judge of a round disagrees with people, and what came of it.

The page of a run says the same in the reader's language (see `review.web.board`).
"""

from typing import Literal

from review.estimates.report import AuditReport

OUTCOMES = {"promote": "promoted the candidate", "keep": "kept the incumbent", None: "under way"}


def audit_sentence(report: AuditReport, outcome: Literal["promote", "keep"] | None) -> str:
    """Of a round and what the gate did with its candidate; `outcome` None while it has not decided."""
    said, became = report.disagreement, OUTCOMES[outcome]
    if said.rate is None:
        return f"Round {report.round}: nobody has checked the judge yet: {became}."
    whom = "the simulated reviewer" if report.simulated else "people"
    bounds = f"{100 * said.rate.low:.0f}–{100 * said.rate.high:.0f}"
    return (
        f"Round {report.round}: the judge disagrees with {whom} on {said.rate.value:.0%} of its pairs, "
        f"95% CI {bounds}, n = {said.agreed + said.disagreed:,}: {became}."
    )
