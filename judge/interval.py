"""A value with its interval: what every rate in this system is reported as."""

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator


class Interval(BaseModel):
    """An estimate and its confidence bounds, `low` ≤ `value` ≤ `high`; what level is the maker's to say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.value <= self.high:
            raise ValueError(
                f"an interval needs low <= value <= high, not {self.low}, {self.value}, {self.high}"
            )
        return self

    def above(self, threshold: float) -> bool:
        """Whether the whole interval lies above `threshold`."""
        return self.low > threshold
