"""The win rate at equal length: what is left of it when longer answers are given no credit for being longer.

A logistic regression of the judge's preference on a constant (the candidate's quality) and on the difference of the two
answers' lengths, squashed: tanh(Δ/s), where s is the standard deviation of the differences. The length-controlled
win rate is what the fit predicts where the lengths are equal. Soft preferences enter as they are, identical answers
with one half and no difference.

This is the form of AlpacaEval's length-controlled win rate for a single pair of policies. Left out: its term for the
difficulty of each instruction, which needs many policies on the same prompts. It corrects for length alone, and only
as far as a smooth curve can: read it beside the plain rate, and remember that people prefer longer answers too.

Dubois, Galambosi, Liang and Hashimoto (2024), Length-controlled AlpacaEval: a simple way to debias automatic
evaluators.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from judge.interval import Interval
from store.records import Comparison, Verdict

_PRIOR_PRECISION = 0.01
"""Of a normal prior on both coefficients: a standard deviation of 10, there to keep a perfect separation finite."""

_STEPS = 50
_TOLERANCE = 1e-8
_CELLS_AT_ONCE = 2_000_000

Floats = NDArray[np.float64]


def length_controlled_win_rate(
    judged: Iterable[tuple[Comparison, Verdict]],
    *,
    identical: int = 0,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval | None:
    """The win rate in [0, 1] of the first samples at equal length, with an interval by bootstrap over prompts.

    Lengths are tokens. `identical` counts comparisons whose two answers are the same text, each a prompt of its own.
    Unscored verdicts are left out. None where nothing was scored, or where every difference is the same and not 0:
    length and quality cannot be told apart then.
    """
    by_prompt: dict[str, list[tuple[float, int]]] = {f"#{n}": [(0.5, 0)] for n in range(identical)}
    for comparison, verdict in judged:
        if verdict.p_first is not None:
            difference = comparison.first.tokens - comparison.second.tokens
            by_prompt.setdefault(comparison.prompt.id, []).append((verdict.p_first, difference))
    if not by_prompt:
        return None
    # Sorted: the resamples must not depend on the order in which verdicts arrived.
    prompts = sorted(by_prompt)
    games = [
        (place, *game) for place, prompt_id in enumerate(prompts) for game in sorted(by_prompt[prompt_id])
    ]
    owner = np.array([game[0] for game in games], dtype=np.intp)
    p = np.array([game[1] for game in games])
    longer = np.array([game[2] for game in games], dtype=np.float64)
    spread = float(longer.std())
    if spread == 0.0 and longer[0] != 0.0:
        return None
    x = np.tanh(longer / spread) if spread else longer
    whole = _fits(p, x, np.ones((1, len(games))))
    value = _sigmoid(float(whole[0, 0]))
    if len(prompts) == 1:
        return Interval(value=value, low=0.0, high=1.0)
    drawn = _resampled(p, x, owner, len(prompts), whole[:, 0], resamples, seed)
    low, high = np.quantile(drawn, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Interval(value=value, low=min(value, float(low)), high=max(value, float(high)))


def _resampled(
    p: Floats, x: Floats, owner: NDArray[np.intp], prompts: int, start: Floats, resamples: int, seed: int
) -> Floats:
    """The estimate of each resample: whole prompts are drawn, with all their comparisons."""
    rng = np.random.default_rng(seed)
    at_once = max(1, _CELLS_AT_ONCE // len(p))
    found: list[Floats] = []
    for done in range(0, resamples, at_once):
        some = min(at_once, resamples - done)
        times = rng.multinomial(prompts, np.full(prompts, 1.0 / prompts), size=some)
        found.append(_sigmoid(_fits(p, x, times[:, owner].astype(np.float64), start)[0]))
    return np.concatenate(found)


def _fits(p: Floats, x: Floats, weights: Floats, start: Floats | None = None) -> Floats:
    """Constant and slope, shape (2, fits), of the fit of `p` on `x` under each row of `weights`, shape (fits, games).

    Newton's method on all fits at once; the two-by-two systems are solved by hand. Long steps are shortened, which a
    concave problem with a prior forgives.
    """
    constant, slope = (np.full(len(weights), at) for at in (np.zeros(2) if start is None else start))
    for _ in range(_STEPS):
        chance = _sigmoid(constant[:, None] + slope[:, None] * x)
        rest = weights * (p - chance)
        curve = weights * chance * (1.0 - chance)
        pull = rest.sum(axis=1) - _PRIOR_PRECISION * constant, rest @ x - _PRIOR_PRECISION * slope
        a, b, c = curve.sum(axis=1) + _PRIOR_PRECISION, curve @ x, curve @ (x * x) + _PRIOR_PRECISION
        determinant = a * c - b * b
        steps = (c * pull[0] - b * pull[1]) / determinant, (a * pull[1] - b * pull[0]) / determinant
        size = np.maximum(np.abs(steps[0]), np.abs(steps[1]))
        scale = np.minimum(1.0, 2.0 / np.maximum(size, 1e-300))
        constant, slope = constant + scale * steps[0], slope + scale * steps[1]
        if float(size.max()) < _TOLERANCE:
            break
    return np.array([constant, slope])


def _sigmoid(logit: Any) -> Any:
    return 0.5 * (1.0 + np.tanh(0.5 * logit))
