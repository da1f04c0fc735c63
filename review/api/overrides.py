"""The shapes of an override: somebody's correction of what judge and queue said of a comparison."""

from datetime import datetime
from typing import Literal

from review.api.shape import Reason, Shape, UnitId

OverrideValue = Literal["much_better", "better", "same", "worse", "much_worse", "both_bad", "withdrawn"]


class OverrideRequest(Shape):
    """`value` is about the comparison's first sample; `withdrawn` takes the override back."""

    comparison_id: UnitId
    value: OverrideValue
    reason: Reason = ""


class OverrideTaken(Shape):
    label_id: str
    comparison_id: str
    value: OverrideValue
    reviewer: str
    reason: str
    revision: int
    created_at: datetime
