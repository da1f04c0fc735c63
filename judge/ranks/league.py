"""The league: one rating for every policy, from comparisons of each with each.

A Bradley–Terry fit to soft wins, on the Elo scale (400 points are odds of ten to one), with the first policy at 0: a
rating is what was gained since. Ratings add up where win rates do not: a policy may beat its predecessor round after
round and lose to the one before, and only games between all of them show it. `rates` keeps the plain win rates, which
assume nothing. Intervals are percentiles over resampled prompts, with all the games of a prompt together.

Bradley and Terry (1952), as in `judge.ranks.bradley_terry`; Elo's scale as in Chatbot Arena (Chiang et al. 2024).
"""

from collections.abc import Iterable
from math import log

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from judge.interval import Interval

ELO = 400.0 / log(10.0)
"""Elo points in one unit of log-odds."""

_PRIOR_PRECISION = 0.01
"""Of a normal prior on the log-strengths: there for a policy that wins or loses everything."""

_STEPS = 50
_TOLERANCE = 1e-9

Floats = NDArray[np.float64]


class Rating(BaseModel):
    """A policy's Elo points above the first policy, whose own interval is 0 to 0."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: str
    elo: Interval


class League(BaseModel):
    """The ratings in the order the policies were given in, and how often each (row) beat each (column).

    A rate is None on the diagonal and where two never met. `prompts` and `games` count what it stands on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ratings: tuple[Rating, ...]
    rates: tuple[tuple[Interval | None, ...], ...]
    prompts: int = Field(ge=0)
    games: int = Field(ge=0)


def league(
    policies: list[str],
    games: Iterable[tuple[str, int, int, float]],
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> League:
    """Rate `policies` by games (prompt id, one policy, another policy, probability that the first is better).

    Policies are named by their place in the list; the first one is the anchor. The order of the games does not matter.
    Raises ValueError where there are none.
    """
    size = len(policies)
    places: dict[str, int] = {}
    ordered = sorted(games)
    if not ordered:
        raise ValueError("a league needs a game")
    for prompt_id, *_ in ordered:
        places.setdefault(prompt_id, len(places))
    won, played = np.zeros((len(places), size, size)), np.zeros((len(places), size, size))
    for prompt_id, i, j, p in ordered:
        place = places[prompt_id]
        won[place, i, j] += p
        won[place, j, i] += 1.0 - p
        played[place, i, j] += 1.0
        played[place, j, i] += 1.0
    total = np.ones((1, len(places)))
    times = np.random.default_rng(seed).multinomial(
        len(places), np.full(len(places), 1.0 / len(places)), size=resamples
    )
    values, drawn = (_elo(*_summed(weights, won, played)) for weights in (total, times.astype(np.float64)))
    bounds = np.quantile(drawn, [(1.0 - level) / 2.0, (1.0 + level) / 2.0], axis=0)
    return League(
        ratings=tuple(
            Rating(policy=policy, elo=_interval(values[0, n], bounds[0, n], bounds[1, n]))
            for n, policy in enumerate(policies)
        ),
        rates=_rates(won, played, times.astype(np.float64), level),
        prompts=len(places),
        games=len(ordered),
    )


def _summed(weights: Floats, won: Floats, played: Floats) -> tuple[Floats, Floats]:
    """Wins and games, shape (rows of `weights`, policies, policies)."""
    shape = (len(weights), *won.shape[1:])
    flat = len(won), -1
    return (weights @ won.reshape(flat)).reshape(shape), (weights @ played.reshape(flat)).reshape(shape)


def _elo(won: Floats, played: Floats) -> Floats:
    """Elo points above the first policy, shape (fits, policies): Newton's method on all fits at once."""
    size = won.shape[1]
    s = np.zeros(won.shape[:2])
    diagonal = np.arange(size)
    for _ in range(_STEPS):
        chance = 0.5 * (1.0 + np.tanh(0.5 * (s[:, :, None] - s[:, None, :])))
        gradient = (won - played * chance).sum(axis=2) - _PRIOR_PRECISION * s
        curve = played * chance * (1.0 - chance)
        hessian = -curve
        hessian[:, diagonal, diagonal] = curve.sum(axis=2) + _PRIOR_PRECISION
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        # A long step is shortened: the fit is concave, so the direction is right.
        longest = np.abs(step).max(axis=1, keepdims=True)
        s = s + step * np.minimum(1.0, 2.0 / np.maximum(longest, 1e-300))
        if float(longest.max()) < _TOLERANCE:
            break
    return ELO * (s - s[:, :1])


def _rates(
    won: Floats, played: Floats, times: Floats, level: float
) -> tuple[tuple[Interval | None, ...], ...]:
    size = won.shape[1]
    all_won, all_played = won.sum(axis=0), played.sum(axis=0)
    drawn_won, drawn_played = _summed(times, won, played)

    def rate(i: int, j: int) -> Interval | None:
        if all_played[i, j] == 0.0:
            return None
        met = drawn_played[:, i, j] > 0.0
        if not met.any():
            return _interval(all_won[i, j] / all_played[i, j], 0.0, 1.0)
        drawn = drawn_won[met, i, j] / drawn_played[met, i, j]
        low, high = np.quantile(drawn, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
        return _interval(all_won[i, j] / all_played[i, j], low, high)

    return tuple(tuple(rate(i, j) for j in range(size)) for i in range(size))


def _interval(value: float, low: float, high: float) -> Interval:
    """Percentiles of the resamples can miss the value itself by a rounding error where there is no spread."""
    return Interval(value=float(value), low=float(min(value, low)), high=float(max(value, high)))
