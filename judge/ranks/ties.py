"""Strengths from games that can end in a tie: Davidson's extension of the Bradley–Terry model.

The first of two players wins with probability π₁/D, the second with π₂/D, and neither with ν·√(π₁π₂)/D, where D is
the sum of the three: the closer two players are, the more often they tie. Counting a tie as half a win each way
instead would say the same of a judge that is torn and of one that is sure there is no difference. Soft verdicts enter
by their three probabilities, as in `judge.ranks.bradley_terry`; a game whose judge could not call a tie enters by the
odds of winning among the decided, which are the Bradley–Terry odds. Priors on the log-strengths and on log ν keep the
fit finite and unique where one player wins everything, or nobody ever ties.

Left out: a ν of its own for each player, and one for the first position: both orders are averaged before.

Davidson (1970), On extending the Bradley–Terry model to accommodate ties in paired comparison experiments, Journal of
the American Statistical Association 65.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from judge.ranks.bradley_terry import PRIOR_PRECISION, Slopes, minimum

TieGame = tuple[int, int, float, float | None]
"""Two players, the probability that the first beats the second with half that of a tie in it, and that of a tie.

The last is None where a tie could not be called.
"""

_TIE_PRIOR_PRECISION = 0.1


@dataclass(frozen=True)
class Davidson:
    """Log-strengths, shape (size,), that sum to 0, and ν: at 1 two equal players tie in one of three games."""

    strengths: NDArray[np.float64]
    ties: float


def davidson(size: int, games: Sequence[TieGame], prior: float = PRIOR_PRECISION) -> Davidson:
    """The strengths that best explain `games` among `size` players; `prior` is the precision of theirs.

    The order of the games does not matter, and neither does which player of a game is named first.
    """
    # Canonical order: floating-point sums must not depend on the order in which verdicts arrived.
    ordered = sorted((i, j, p, -1.0 if tie is None else tie) for i, j, p, tie in games)
    design = np.zeros((len(ordered), size))
    rows = np.arange(len(ordered))
    design[rows, [game[0] for game in ordered]] = 1.0
    design[rows, [game[1] for game in ordered]] = -1.0
    p = np.array([game[2] for game in ordered])
    tie = np.array([game[3] for game in ordered])
    may_tie = tie >= 0.0
    tie = np.maximum(tie, 0.0)
    # P(first) - P(second); half the tie stands in p and cancels.
    edge = 2.0 * p - 1.0

    def chances(
        x: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Of each game: the log of its three weights' sum, P(first) - P(second), P(tie)."""
        half = 0.5 * (design @ x[:-1])
        decided = np.logaddexp(half, -half)
        total = np.where(may_tie, np.logaddexp(decided, x[-1]), decided)
        return (
            total,
            np.exp(half - total) - np.exp(-half - total),
            np.where(may_tie, np.exp(x[-1] - total), 0.0),
        )

    def loss(x: NDArray[np.float64]) -> float:
        fit = chances(x)[0] - 0.5 * edge * (design @ x[:-1]) - tie * x[-1]
        return float(np.sum(fit) + 0.5 * prior * (x[:-1] @ x[:-1]) + 0.5 * _TIE_PRIOR_PRECISION * x[-1] ** 2)

    def slopes(x: NDArray[np.float64]) -> Slopes:
        _, lead, drawn = chances(x)
        gradient = np.append(
            0.5 * design.T @ (lead - edge) + prior * x[:-1],
            np.sum(drawn - tie) + _TIE_PRIOR_PRECISION * x[-1],
        )
        hessian = np.zeros((size + 1, size + 1))
        hessian[:-1, :-1] = (design.T * (0.25 * (1.0 - drawn - lead**2))) @ design + prior * np.eye(size)
        hessian[:-1, -1] = hessian[-1, :-1] = -0.5 * design.T @ (lead * drawn)
        hessian[-1, -1] = np.sum(drawn * (1.0 - drawn)) + _TIE_PRIOR_PRECISION
        return gradient, hessian

    found = minimum(loss, slopes, size + 1)
    return Davidson(found[:-1], math.exp(found[-1]))
