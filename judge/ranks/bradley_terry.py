"""Strengths from soft games: the Bradley–Terry model with an L2 prior.

A verdict of 0.6 counts as 0.6 of a win, so that a hesitant judge moves the strengths a little. The prior on the
log-strengths keeps the fit finite where one player wins everything, and makes the problem strictly concave: one answer,
whatever the order of the data.

Bradley and Terry (1952), Rank analysis of incomplete block designs, Biometrika 39.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Game = tuple[int, int, float]
"""Two players and the probability in [0, 1] that the first beats the second."""

Slopes = tuple[NDArray[np.float64], NDArray[np.float64]]

PRIOR_PRECISION = 0.1
"""Of the normal prior on each log-strength: standard deviation about 3.2, weak beside a single verdict."""

_NEWTON_STEPS = 100
_TOLERANCE = 1e-10


def bradley_terry(
    size: int, games: Sequence[tuple[int, int, float]], prior: float = PRIOR_PRECISION
) -> NDArray[np.float64]:
    """Log-strengths, shape (size,), that best explain `games`; they sum to 0.

    A game (i, j, p) says that i beats j with probability p in [0, 1]. Maximizes
    Σ p·log σ(s_i - s_j) + (1-p)·log σ(s_j - s_i) - prior/2·Σ s² by damped Newton steps.
    """
    # Canonical order: floating-point sums must not depend on the order in which verdicts arrived.
    ordered = sorted(games)
    i = np.array([game[0] for game in ordered], dtype=np.intp)
    j = np.array([game[1] for game in ordered], dtype=np.intp)
    p = np.array([game[2] for game in ordered])
    design = np.zeros((len(ordered), size))
    rows = np.arange(len(ordered))
    design[rows, i] = 1.0
    design[rows, j] = -1.0

    def loss(s: NDArray[np.float64]) -> float:
        gap = design @ s
        return float(np.sum(np.logaddexp(0.0, gap) - p * gap) + 0.5 * prior * (s @ s))

    def slopes(s: NDArray[np.float64]) -> Slopes:
        win = 0.5 * (1.0 + np.tanh(0.5 * (design @ s)))
        hessian = (design.T * (win * (1.0 - win))) @ design + prior * np.eye(size)
        return design.T @ (win - p) + prior * s, hessian

    return minimum(loss, slopes, size)


def minimum(
    loss: Callable[[NDArray[np.float64]], float], slopes: Callable[[NDArray[np.float64]], Slopes], size: int
) -> NDArray[np.float64]:
    """Where a strictly convex `loss` of `size` numbers is least, by damped Newton steps from 0.

    `slopes` are its gradient and its Hessian.
    """
    at = np.zeros(size)
    value = loss(at)
    for _ in range(_NEWTON_STEPS):
        gradient, hessian = slopes(at)
        if np.max(np.abs(gradient)) < _TOLERANCE:
            break
        step = np.linalg.solve(hessian, gradient)
        scale = 1.0
        while (trial := loss(at - scale * step)) > value and scale > 1e-6:
            scale *= 0.5
        if scale <= 1e-6:
            break
        at = at - scale * step
        value = trial
    return at
