"""A judge measured against people's labels: how right it is, how fair to places and lengths, how sure.

A row is one comparison with its verdict; the verdict is soft and from both presentation orders, and its two orders are
never rows of their own. `Figures` defines every figure. Intervals are 95%: Wilson where each prompt has one row, a
bootstrap over prompts where rows share prompts (see `judge.resampling`).

Unscored comparisons are in no rate; how many there are, and why, stands beside the rates.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from judge.calibration import FEWEST_LABELS, cross_validated, fit_temperature, principle_temperatures
from judge.confidence import (
    CoveragePoint,
    ReliabilityBin,
    accuracy_at_coverage,
    brier,
    calibration_error,
    reliability,
)
from judge.errors import JudgeError
from judge.interval import Interval
from judge.kappa import cohens_kappa
from judge.labelled import Labelled
from judge.resampling import groups_of, rate
from store.records import Verdict

Floats = NDArray[np.float64]

_NUMBER = re.compile(r"\d+(\.\d+)?")


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


class PrincipleFigures(BaseModel):
    """A principle that the judge was asked about alone, against the labels, which are about everything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(
        description="Labelled comparisons on which people prefer a side and this principle was judged."
    )
    accuracy: Interval
    temperature: float | None = Field(description="None with fewer than 20.")


class JudgeEvaluation(Figures):
    """`Figures` over all rows, and what only makes sense over all."""

    judge: str
    template: str = Field(description="Content hash; empty for a judge that reads none.")
    constitution: str
    data: str
    data_hash: str
    unscored: dict[str, int] = Field(
        description="Reasons, most frequent first; those that differ in their numbers alone are one, its numbers `#`."
    )
    agreement_with_ties: Interval | None = Field(
        description="Share of the scored on which judge and people say the same of first, second and tie; the judge "
        "says tie where it may and finds that likeliest, else where its orders disagree or its verdict is one half. "
        "None without ties in the data."
    )
    kappa_with_ties: float | None = Field(description="Cohen's kappa of these three classes.")
    brier: float | None
    temperature: float | None = Field(description="Fitted on all decided rows; None with fewer than 20.")
    ece_calibrated: float | None = Field(description="By temperatures fitted on the other folds' prompts.")
    brier_calibrated: float | None
    reliability: list[ReliabilityBin]
    reliability_calibrated: list[ReliabilityBin]
    coverage: list[CoveragePoint] = Field(description="Accuracy on the decided that the judge is surest of.")
    cost_usd: float | None = Field(
        description="None where a call's price is not known; 0 where none was made."
    )
    calls: int
    input_tokens: int
    output_tokens: int
    by_subset: dict[str, Figures]
    by_principle: dict[str, PrincipleFigures] = Field(description="Where principles are asked one by one.")


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
            p=_floats(v.p_first for v in found),
            tie=_floats(v.p_tie for v in found),
            shown_first=_floats(
                v.p_first_shown_first if s else None for v, s in zip(found, scored, strict=True)
            ),
            shown_second=_floats(
                v.p_first_shown_second if s else None for v, s in zip(found, scored, strict=True)
            ),
            better=_floats(side.get(row.label) for row in rows),
            longer=_floats(side.get(row.longer) for row in rows),
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


def evaluate(
    rows: Sequence[Labelled], verdicts: Iterable[Verdict], *, data: str = "", data_hash: str = ""
) -> JudgeEvaluation:
    """The figures of the judge that gave these verdicts; `rows` may come in any order and must not be empty.

    Raises `JudgeError` where a row has no verdict.
    """
    by_comparison = {verdict.comparison_id: verdict for verdict in verdicts}
    rows = sorted(rows, key=lambda row: row.comparison.id)  # sums depend, in the last digits, on their order
    judged = Judged.of(rows, by_comparison)
    used = [by_comparison[row.comparison.id] for row in rows]
    decided = judged.take(judged.decided)
    p, better = decided.p, decided.better
    out_of_fold = cross_validated(p, better, decided.prompt_ids)
    subsets = np.array([row.subset for row in rows])
    return JudgeEvaluation(
        **figures(judged).model_dump(),
        judge=used[0].judge,
        template=used[0].template,
        constitution=used[0].constitution if used[0].template else "",
        data=data,
        data_hash=data_hash,
        unscored=_reasons(used),
        **_with_ties(judged),
        brier=brier(p, better) if len(p) else None,
        temperature=fit_temperature(p, better) if len(p) >= FEWEST_LABELS else None,
        ece_calibrated=None if out_of_fold is None else calibration_error(out_of_fold, better),
        brier_calibrated=None if out_of_fold is None else brier(out_of_fold, better),
        reliability=reliability(p, better),
        reliability_calibrated=[] if out_of_fold is None else reliability(out_of_fold, better),
        coverage=accuracy_at_coverage(p, better) if len(p) else [],
        **_spent(used),
        by_subset={
            str(name): figures(judged.take(subsets == name)) for name in np.unique(subsets) if name != ""
        },
        by_principle=_by_principle(used, judged),
    )


def figures(judged: Judged) -> Figures:
    """`Figures` of these rows."""
    groups = groups_of(judged.prompt_ids)
    decided = judged.decided
    rates = {name: _rate(values, groups) for name, values in _rows_of_rates(judged).items()}
    p, better = judged.p[decided], judged.better[decided]
    kappa = cohens_kappa(_classes(p), _classes(better), groups[decided])
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
    return _agree(judged.p, judged.better)


def _rows_of_rates(judged: Judged) -> dict[str, Floats]:
    """What each row counts towards each rate, in [0, 1]; NaN where it does not count."""
    one, other = judged.shown_first, judged.shown_second
    flipped = np.where((one - 0.5) * (other - 0.5) < 0, 1.0, 0.0)
    flipped[np.isnan(one) | np.isnan(other)] = np.nan
    scored_and_labelled = np.where(judged.decided, 0.0, np.nan)
    return {
        "accuracy": _agree(judged.p, judged.better),
        "accuracy_first_order": _agree(one, judged.better),
        "accuracy_second_order": _agree(other, judged.better),
        "flip_rate": flipped,
        "first_slot_rate": (_prefers_first(one) + 1.0 - _prefers_first(other)) / 2.0,
        "longer_rate": _agree(judged.p, judged.longer) + scored_and_labelled,
        "human_longer_rate": _agree(judged.better, judged.longer) + scored_and_labelled,
    }


def _prefers_first(p_first: Floats) -> Floats:
    preferred: Floats = np.where(np.isnan(p_first), np.nan, (np.sign(p_first - 0.5) + 1.0) / 2.0)
    return preferred


def _agree(p_first: Floats, side: Floats) -> Floats:
    agreement: Floats = 1.0 - np.abs(_prefers_first(p_first) - side)
    return agreement


def _rate(values: Floats, groups: NDArray[np.intp]) -> Interval | None:
    counted = ~np.isnan(values)
    return rate(np.where(counted, values, 0.0), counted.astype(np.float64), groups)


def _by_principle(verdicts: Sequence[Verdict], judged: Judged) -> dict[str, PrincipleFigures]:
    temperatures = principle_temperatures(
        (verdict, side) for verdict, side in zip(verdicts, judged.better, strict=True) if not np.isnan(side)
    )
    found = {}
    for principle in sorted({name for verdict in verdicts for name in verdict.by_principle or {}}):
        parts = [(verdict.by_principle or {}).get(principle) for verdict in verdicts]
        right = _agree(_floats(part.p_first if part else None for part in parts), judged.better)
        accuracy = _rate(right, groups_of(judged.prompt_ids))
        if accuracy is not None:
            found[principle] = PrincipleFigures(
                n=int((~np.isnan(right)).sum()), accuracy=accuracy, temperature=temperatures.get(principle)
            )
    return found


def _with_ties(judged: Judged) -> dict[str, Interval | float | None]:
    scored = ~np.isnan(judged.p)
    if not np.isnan(judged.better[scored]).any():
        return {"agreement_with_ties": None, "kappa_with_ties": None}
    groups = groups_of(judged.prompt_ids)[scored]
    said, people = _classes(_with_tie(judged)[scored]), _classes(judged.better[scored])
    same = np.array([one == other for one, other in zip(said, people, strict=True)], dtype=np.float64)
    kappa = cohens_kappa(said, people, groups)
    return {"agreement_with_ties": _rate(same, groups), "kappa_with_ties": kappa.value if kappa else None}


def _with_tie(judged: Judged) -> Floats:
    """The judge's probabilities, one half where it says tie: by its own word where it may say so (`p_tie` the likeliest
    of three), else where its two orders disagree.
    """
    likeliest = judged.tie > np.maximum(judged.p, 1.0 - judged.p) - judged.tie / 2.0
    disagree = (judged.shown_first - 0.5) * (judged.shown_second - 0.5) < 0
    tied: Floats = np.where(np.where(np.isnan(judged.tie), disagree, likeliest), 0.5, judged.p)
    return tied


def _classes(p_first: Floats) -> list[str]:
    """first, second or tie; NaN, which people's ties are, is a tie."""
    return ["first" if p > 0.5 else "second" if p < 0.5 else "tie" for p in p_first]


def _reasons(verdicts: Sequence[Verdict]) -> dict[str, int]:
    alike: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.unscored is not None:
            alike.setdefault(_NUMBER.sub("#", verdict.unscored), []).append(verdict.unscored)
    told = {own[0] if len(set(own)) == 1 else masked: len(own) for masked, own in alike.items()}
    return dict(sorted(told.items(), key=lambda reason: (-reason[1], reason[0])))


def _spent(verdicts: Sequence[Verdict]) -> dict[str, float | int | None]:
    used = [verdict.usage for verdict in verdicts]
    unknown = any(usage.calls and usage.cost_usd is None for usage in used)
    return {
        "cost_usd": None if unknown else sum(usage.cost_usd or 0.0 for usage in used),
        "calls": sum(usage.calls for usage in used),
        "input_tokens": sum(usage.input_tokens for usage in used),
        "output_tokens": sum(usage.output_tokens for usage in used),
    }


def _floats(values: Iterable[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
