"""From how sure a judge says it is to how often it is right: one temperature, learned from people's labels.

A calibrated probability is sigmoid(logit(p) / T). It never changes which answer is preferred, only how surely, so it
matters exactly where confidence does: the thresholds and margins of pairs. One parameter, because labels are few.

What a calibration says of labels that it was fitted on is flattering, so the error that is reported comes from
cross-validation, with all comparisons of a prompt in the same fold.

Left out: a bias term (both presentation orders are averaged before, which takes out the bias there could be) and
isotonic regression (it needs hundreds of labels to beat one parameter).

Guo et al. (2017), On calibration of modern neural networks.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from judge.errors import JudgeError
from prompts.hashing import derive_seed
from store.records import Calibration, Comparison, Verdict

Floats = NDArray[np.float64]

LOWEST, HIGHEST = 0.05, 100.0
"""Bounds of a temperature. A judge no better than a coin has none; it gets the highest."""

FEWEST_LABELS = 20
"""Below this many labels that prefer a side, no temperature is fitted."""

FOLDS = 5
_CERTAIN = 1e-6
"""Probabilities are kept this far from 0 and 1: a judge that votes says 1 and is sometimes wrong."""


def calibrate(p_first: Floats, temperature: float) -> Floats:
    """sigmoid(logit(p) / temperature)."""
    calibrated: Floats = 1.0 / (1.0 + np.exp(-_logits(p_first) / temperature))
    return calibrated


def fit_temperature(p_first: Floats, first_is_better: Floats) -> float:
    """The temperature under which the labels are likeliest, in [LOWEST, HIGHEST].

    Raises `JudgeError` for no labels at all. The likelihood has one maximum: logistic regression without intercept.
    """
    if not len(p_first):
        raise JudgeError("a temperature needs labels, and there are none that prefer a side.")
    signed = np.where(first_is_better > 0.5, 1.0, -1.0) * _logits(p_first)

    def loss(log_temperature: float) -> float:
        return float(np.logaddexp(0.0, -signed * np.exp(-log_temperature)).mean())

    bounds = (float(np.log(LOWEST)), float(np.log(HIGHEST)))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    # The search stays inside its bounds, and where the labels are likeliest at one of them it stops just short.
    return round(float(np.exp(min((*bounds, float(found.x)), key=loss))), 4)


def cross_validated(p_first: Floats, first_is_better: Floats, prompt_ids: Sequence[str]) -> Floats | None:
    """Each verdict calibrated by the labels of other prompts; None with too few labels or a single prompt."""
    fold = _folds(prompt_ids)
    if len(p_first) < FEWEST_LABELS or fold.max(initial=0) == 0:
        return None
    calibrated = np.empty_like(p_first)
    for number in range(int(fold.max()) + 1):
        inside = fold == number
        temperature = fit_temperature(p_first[~inside], first_is_better[~inside])
        calibrated[inside] = calibrate(p_first[inside], temperature)
    return calibrated


def apply_calibration(
    judged: Iterable[tuple[Comparison, Verdict]], calibration: Calibration | None
) -> list[tuple[Comparison, Verdict]]:
    """The verdicts as calibrated, under the ids they are stored by; unscored ones as they are.

    The stored verdict stays as the judge gave it: a calibration is applied where confidence is used, and what is made
    of it names the calibration.
    """
    if calibration is None:
        return list(judged)
    return [(comparison, _calibrated(verdict, calibration)) for comparison, verdict in judged]


def principle_temperatures(said: Iterable[tuple[Verdict, float]]) -> dict[str, float]:
    """A temperature for each principle that was judged alone often enough, from verdicts and 1 or 0 for the label."""
    by_principle: dict[str, list[tuple[float, float]]] = {}
    for verdict, better in said:
        for principle, part in (verdict.by_principle or {}).items():
            by_principle.setdefault(principle, []).append((part.p_first, better))
    return {
        principle: fit_temperature(*np.array(rows).T)
        for principle, rows in sorted(by_principle.items())
        if len(rows) >= FEWEST_LABELS
    }


def _calibrated(verdict: Verdict, calibration: Calibration) -> Verdict:
    if verdict.p_first is None:
        return verdict
    temperature = calibration.temperature
    if verdict.by_principle and len(verdict.by_principle) == 1:
        (principle,) = verdict.by_principle
        temperature = calibration.by_principle.get(principle, temperature)
    p_first = float(calibrate(np.array([verdict.p_first]), temperature)[0])
    update: dict[str, float] = {"p_first": p_first}
    if verdict.p_tie is not None:  # half of it is in p_first, so it cannot be more than twice either side
        update["p_tie"] = min(verdict.p_tie, 2.0 * p_first, 2.0 * (1.0 - p_first))
    return verdict.model_copy(update=update)


def _folds(prompt_ids: Sequence[str]) -> NDArray[np.intp]:
    """The fold of each row: prompts in the order of their hashes, dealt out in turn."""
    dealt = sorted(set(prompt_ids), key=lambda prompt_id: derive_seed("calibration fold", prompt_id))
    number = {prompt_id: n % FOLDS for n, prompt_id in enumerate(dealt)}
    return np.array([number[prompt_id] for prompt_id in prompt_ids], dtype=np.intp)


def _logits(p_first: Floats) -> Floats:
    clipped = np.clip(p_first, _CERTAIN, 1.0 - _CERTAIN)
    logits: Floats = np.log(clipped) - np.log1p(-clipped)
    return logits
