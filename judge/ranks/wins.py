"""The candidate's win rate by the judge's word, with a bootstrap interval over prompts.

In a gate comparison `first` is the candidate's answer, so the win rate is the mean of `p_first`. What is resampled
is prompts, not comparisons: comparisons of one prompt are not independent, and the two presentation orders of one
comparison are already folded into one verdict. Comparisons of identical texts are never judged; they count
one half.

This is the judge's opinion of the candidate. It is reported and bounds what the gate may do, but promotes nothing on
its own unless the configuration says so: see the label-corrected win rate in the loop's gate.

Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13 (percentile intervals).
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

from judge.interval import Interval
from store.records import Comparison, Verdict

_CELLS_AT_ONCE = 2_000_000
"""Resampled values held at once: 16 MB in float64 for each of the two arrays."""


def win_rate(
    judged: Iterable[tuple[Comparison, Verdict]],
    *,
    identical: int | Mapping[str, int] = 0,
    level: float = 0.95,
    side: Literal["two-sided", "lower"] = "two-sided",
    resamples: int = 2000,
    seed: int = 0,
) -> Interval | None:
    """The candidate's win rate in [0, 1] and its interval at `level`; None where nothing was scored.

    `identical` counts the comparisons whose two answers are the same text: by prompt id, or as one number, each
    then taken as a prompt of its own. Unscored verdicts are left out. `side="lower"` puts the whole error on the lower
    bound, and `high` is 1. A single prompt says nothing of the spread between prompts: its interval is [0, 1].
    """
    wins: dict[str, float] = {}
    counts: dict[str, int] = {}
    for comparison, verdict in judged:
        if verdict.p_first is not None:
            prompt_id = comparison.prompt.id
            wins[prompt_id] = wins.get(prompt_id, 0.0) + verdict.p_first
            counts[prompt_id] = counts.get(prompt_id, 0) + 1
    by_prompt = identical if isinstance(identical, Mapping) else {f"#{n}": 1 for n in range(identical)}
    for prompt_id, count in by_prompt.items():
        wins[prompt_id] = wins.get(prompt_id, 0.0) + 0.5 * count
        counts[prompt_id] = counts.get(prompt_id, 0) + count
    if not any(counts.values()):
        return None

    # Sorted by prompt: the resamples must not depend on the order in which verdicts arrived.
    prompts = sorted(prompt_id for prompt_id, count in counts.items() if count)
    won = np.array([wins[prompt_id] for prompt_id in prompts])
    played = np.array([counts[prompt_id] for prompt_id in prompts], dtype=np.float64)
    value = float(won.sum() / played.sum())
    if len(prompts) == 1:
        return Interval(value=value, low=0.0, high=1.0)
    found = bootstrap(
        (won, played),
        _ratio,
        paired=True,
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, _CELLS_AT_ONCE // len(prompts)),
        confidence_level=level,
        alternative="two-sided" if side == "two-sided" else "greater",
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    # Percentiles of the resamples can miss the value itself by a rounding error where there is no spread.
    low = min(value, max(0.0, float(found.low)))
    high = max(value, min(1.0, float(found.high)))
    return Interval(value=value, low=low, high=high)


def _ratio(won: NDArray[np.float64], played: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = won.sum(axis=axis) / played.sum(axis=axis)
    return ratio
