"""What people's labels say of the judge, of the candidate, and of people themselves.

`audit` and `people` read a run and return the shapes of `report`; the other modules are how.
"""

from review.estimates.audit import audit
from review.estimates.people import people
from review.estimates.report import (
    Agreement,
    Alpha,
    AnytimeDisagreement,
    AuditReport,
    Disagreement,
    HumanAgreement,
    PeopleReport,
    PrincipleDisagreement,
    Reviewer,
    StratumDisagreement,
)

__all__ = [
    "Agreement", "Alpha", "AnytimeDisagreement", "AuditReport", "Disagreement", "HumanAgreement", "PeopleReport",
    "PrincipleDisagreement", "Reviewer", "StratumDisagreement", "audit", "people",
]  # fmt: skip
