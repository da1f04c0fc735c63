"""A judge measured against people's labels: its figures, how sure it is, what it cost, and where it failed.

What each figure is, and how its interval is made, stands in `judge.measure.figures`.
"""

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from judge.interval import Interval
from judge.measure.calibration import FEWEST_LABELS, cross_validated, fit_temperature, principle_temperatures
from judge.measure.confidence import (
    CoveragePoint,
    ReliabilityBin,
    accuracy_at_coverage,
    brier,
    calibration_error,
    reliability,
)
from judge.measure.figures import Figures, Judged, agree, classes, figures, floats, rate_of
from judge.measure.kappa import cohens_kappa
from judge.measure.labelled import Labelled
from judge.measure.resampling import groups_of
from store.records import Verdict

Floats = NDArray[np.float64]

_NUMBER = re.compile(r"\d+(\.\d+)?")


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


def _by_principle(verdicts: Sequence[Verdict], judged: Judged) -> dict[str, PrincipleFigures]:
    temperatures = principle_temperatures(
        (verdict, side) for verdict, side in zip(verdicts, judged.better, strict=True) if not np.isnan(side)
    )
    found = {}
    for principle in sorted({name for verdict in verdicts for name in verdict.by_principle or {}}):
        parts = [(verdict.by_principle or {}).get(principle) for verdict in verdicts]
        right = agree(floats(part.p_first if part else None for part in parts), judged.better)
        accuracy = rate_of(right, groups_of(judged.prompt_ids))
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
    said, people = classes(_with_tie(judged)[scored]), classes(judged.better[scored])
    same = np.array([one == other for one, other in zip(said, people, strict=True)], dtype=np.float64)
    kappa = cohens_kappa(said, people, groups)
    return {"agreement_with_ties": rate_of(same, groups), "kappa_with_ties": kappa.value if kappa else None}


def _with_tie(judged: Judged) -> Floats:
    """The judge's probabilities, one half where it says tie: by its own word where it may say so (`p_tie` the likeliest
    of three), else where its two orders disagree.
    """
    likeliest = judged.tie > np.maximum(judged.p, 1.0 - judged.p) - judged.tie / 2.0
    disagree = (judged.shown_first - 0.5) * (judged.shown_second - 0.5) < 0
    tied: Floats = np.where(np.where(np.isnan(judged.tie), disagree, likeliest), 0.5, judged.p)
    return tied


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
