"""The figures of a judge on labelled comparisons: what each is, row by row.

A row is one comparison with its verdict; the verdict is soft and from both presentation orders, and its two orders are
never rows of their own. `Figures` defines every figure. Intervals are 95%: Wilson where each prompt has one row, a
bootstrap over prompts where rows share prompts (see `judge.measure.resampling`).

Unscored comparisons are in no rate; how many there are stands beside the rates.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from judge.errors import JudgeError
from judge.interval import Interval
from judge.measure.confidence import calibration_error
from judge.measure.kappa import cohens_kappa
from judge.measure.labelled import Labelled
from judge.measure.resampling import groups_of, rate
from store.records import Verdict

Floats = NDArray[np.float64]


class Figures(BaseModel):
    """What a judge is worth on some labelled comparisons. A rate is None where nothing counts towards it.

    A verdict of exactly one half prefers neither answer and counts as half right, and as half longer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(description="Labelled comparisons, ties among them.")
    scored: int = Field(description="Of these, how many have a verdict.")
    ties: int = Field(description="Of the n, how many people call a tie. They are in no accuracy.")
    decided: int = Field(
        description="Scored comparisons on which people prefer a side: the rows of accuracy."
    )
    undecided: int = Field(description="Of the decided, how many have a verdict of exactly one half.")
    accuracy: Interval | None = Field(
        description="Share of the decided where judge and people prefer the same."
    )
    accuracy_first_order: float | None = Field(
        description="The same by one order alone: the one that shows the data's first answer first."
    )
    accuracy_second_order: float | None = Field(
        description="The same by the other order alone: the data's second answer first."
    )
    flip_rate: float | None = Field(
        description="Share of the scored whose two orders prefer different answers, ties included."
    )
    first_slot_rate: float | None = Field(
        description="Share of single-order verdicts for the answer shown first; 0.5 for a judge without bias, "
        "whatever the data, since each answer is shown first once."
    )
    longer_rate: float | None = Field(
        description="Share of the decided whose answers differ in length (characters) where the judge prefers the "
        "longer."
    )
    human_longer_rate: float | None = Field(description="The same of people, on the same comparisons.")
    kappa: float | None = Field(description="Cohen's kappa of judge and people on the decided.")
    ece: float | None = Field(description="Expected calibration error on the decided, ten bins.")
    intervals: dict[str, Interval] = Field(
        description="The 95% intervals of the rates that are plain numbers."
    )


@dataclass(frozen=True)
class Judged:
    """Rows as columns, NaN for what is not there: unscored verdicts, ties (in `better`), missing orders."""

    p: Floats
    tie: Floats
    """Probability of a tie, where the judge may say so."""
    shown_first: Floats
    shown_second: Floats
    better: Floats
    """1 where people prefer the first answer, 0 the second, NaN neither."""
    longer: Floats
    """1 where the first answer is the longer, 0 the second, NaN neither."""
    prompt_ids: tuple[str, ...]

    @classmethod
    def of(cls, rows: Sequence[Labelled], verdicts: Mapping[str, Verdict]) -> Self:
        """Raises `JudgeError` where a row has no verdict, not even an unscored one."""
        missing = [row.where for row in rows if row.comparison.id not in verdicts]
        if missing:
            raise JudgeError(
                f"{len(missing)} comparisons came back without a verdict, {missing[0]} among them."
            )
        found = [verdicts[row.comparison.id] for row in rows]
        scored = [verdict.p_first is not None for verdict in found]
        side = {"first": 1.0, "second": 0.0}
        return cls(
            p=floats(v.p_first for v in found),
            tie=floats(v.p_tie for v in found),
            shown_first=floats(
                v.p_first_shown_first if s else None for v, s in zip(found, scored, strict=True)
            ),
            shown_second=floats(
                v.p_first_shown_second if s else None for v, s in zip(found, scored, strict=True)
            ),
            better=floats(side.get(row.label) for row in rows),
            longer=floats(side.get(row.longer) for row in rows),
            prompt_ids=tuple(row.comparison.prompt.id for row in rows),
        )

    @property
    def decided(self) -> NDArray[np.bool_]:
        """Scored, and people prefer a side."""
        return ~np.isnan(self.p) & ~np.isnan(self.better)

    def take(self, where: NDArray[np.bool_]) -> "Judged":
        """The rows of `where` alone."""
        return Judged(
            p=self.p[where],
            tie=self.tie[where],
            shown_first=self.shown_first[where],
            shown_second=self.shown_second[where],
            better=self.better[where],
            longer=self.longer[where],
            prompt_ids=tuple(one for one, inside in zip(self.prompt_ids, where, strict=True) if inside),
        )


def figures(judged: Judged) -> Figures:
    """`Figures` of these rows."""
    groups = groups_of(judged.prompt_ids)
    decided = judged.decided
    rates = {name: rate_of(values, groups) for name, values in _rows_of_rates(judged).items()}
    p, better = judged.p[decided], judged.better[decided]
    kappa = cohens_kappa(classes(p), classes(better), groups[decided])
    plain = {name: interval for name, interval in rates.items() if name != "accuracy"} | {"kappa": kappa}
    return Figures(
        n=len(judged.p),
        scored=int((~np.isnan(judged.p)).sum()),
        ties=int(np.isnan(judged.better).sum()),
        decided=int(decided.sum()),
        undecided=int((p == 0.5).sum()),
        accuracy=rates["accuracy"],
        **{name: interval.value if interval else None for name, interval in plain.items()},
        ece=calibration_error(p, better) if len(p) else None,
        intervals={name: interval for name, interval in plain.items() if interval is not None},
    )


def right_by_row(judged: Judged) -> Floats:
    """1 right, 0 wrong, one half undecided; NaN for rows that are in no accuracy."""
    return agree(judged.p, judged.better)


def _rows_of_rates(judged: Judged) -> dict[str, Floats]:
    """What each row counts towards each rate, in [0, 1]; NaN where it does not count."""
    one, other = judged.shown_first, judged.shown_second
    flipped = np.where((one - 0.5) * (other - 0.5) < 0, 1.0, 0.0)
    flipped[np.isnan(one) | np.isnan(other)] = np.nan
    scored_and_labelled = np.where(judged.decided, 0.0, np.nan)
    return {
        "accuracy": agree(judged.p, judged.better),
        "accuracy_first_order": agree(one, judged.better),
        "accuracy_second_order": agree(other, judged.better),
        "flip_rate": flipped,
        "first_slot_rate": (_prefers_first(one) + 1.0 - _prefers_first(other)) / 2.0,
        "longer_rate": agree(judged.p, judged.longer) + scored_and_labelled,
        "human_longer_rate": agree(judged.better, judged.longer) + scored_and_labelled,
    }


def _prefers_first(p_first: Floats) -> Floats:
    preferred: Floats = np.where(np.isnan(p_first), np.nan, (np.sign(p_first - 0.5) + 1.0) / 2.0)
    return preferred


def agree(p_first: Floats, side: Floats) -> Floats:
    """Row by row 1 where `side` is preferred, 0 where the other is, one half for neither; NaN where one is missing."""
    agreement: Floats = 1.0 - np.abs(_prefers_first(p_first) - side)
    return agreement


def rate_of(values: Floats, groups: NDArray[np.intp]) -> Interval | None:
    """The rate of rows of which each counts in [0, 1], or NaN for not at all."""
    counted = ~np.isnan(values)
    return rate(np.where(counted, values, 0.0), counted.astype(np.float64), groups)


def classes(p_first: Floats) -> list[str]:
    """first, second or tie; NaN, which people's ties are, is a tie."""
    return ["first" if p > 0.5 else "second" if p < 0.5 else "tie" for p in p_first]


def floats(values: Iterable[float | None]) -> Floats:
    """NaN for None."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
