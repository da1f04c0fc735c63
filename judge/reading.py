"""What a judge said in one presentation order, and how two orders become one probability.

A judge that favours a position adds about the same to the logit of whatever stands there. Averaging the logits of
both orders cancels that; averaging probabilities would not. Votes have no logit (a unanimous vote would be
infinite), so there the probabilities are averaged. Two orders that disagree are not made a tie.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from judge.presentation import Presentation


@dataclass(frozen=True)
class Reading:
    """One order's answer in terms of the samples. `logit` is None where the answer is a share of votes.

    `p_tie` is the share of ties, where the judge may call one, and half of it is in `p_first`; `logit` is of the rest.
    `label_mass` is the probability of all labels together before they were normalised, where it is known.
    """

    p_first: float
    logit: float | None = None
    label_mass: float | None = None
    p_tie: float | None = None

    @classmethod
    def of_logprobs(
        cls, presentation: Presentation, by_label: Sequence[float], temperature: float = 1.0
    ) -> Self:
        """From natural-log probabilities of the two labels, and a tie's, renormalised over them; finite values only."""
        first, second = presentation.by_sample((by_label[0], by_label[1]))
        logit = (first - second) / temperature
        # Rounding can lift the sum of probabilities a little above 1.
        mass = min(sum(map(math.exp, by_label)), 1.0)
        if len(by_label) == 2:
            return cls(p_first=sigmoid(logit), logit=logit, label_mass=mass)
        decided, tie = _log_sum(first / temperature, second / temperature), by_label[2] / temperature
        p_tie = sigmoid(tie - decided)
        return cls(_with_ties(sigmoid(logit), p_tie), logit, mass, p_tie)

    @classmethod
    def of_votes(cls, presentation: Presentation, by_label: Sequence[int]) -> Self:
        """From the number of votes for each of the two labels, and for a tie; at least one in all."""
        first = presentation.by_sample((by_label[0], by_label[1]))[0]
        total = sum(by_label)
        if len(by_label) == 2:
            return cls(p_first=first / total)
        return cls(p_first=(first + by_label[2] / 2) / total, p_tie=by_label[2] / total)


def average(one: Reading, other: Reading) -> float:
    """The probability that the first sample is better, and half that of a tie, from both orders with equal weight."""
    if one.logit is not None and other.logit is not None:
        return _with_ties(sigmoid((one.logit + other.logit) / 2), average_tie(one, other) or 0.0)
    return (one.p_first + other.p_first) / 2


def average_tie(one: Reading, other: Reading) -> float | None:
    """The share of ties from both orders with equal weight; None where the judge may not call one."""
    if one.p_tie is None or other.p_tie is None:
        return None
    return (one.p_tie + other.p_tie) / 2


def lowest_mass(one: Reading, other: Reading) -> float | None:
    """The smaller label mass of the two orders; None where an order has none."""
    if one.label_mass is None or other.label_mass is None:
        return None
    return min(one.label_mass, other.label_mass)


def sigmoid(logit: float) -> float:
    """1 / (1 + e^-logit), without overflow."""
    return 0.5 * (1.0 + math.tanh(0.5 * logit))


def _with_ties(p_first: float, p_tie: float) -> float:
    return (1.0 - p_tie) * p_first + 0.5 * p_tie


def _log_sum(one: float, other: float) -> float:
    """log(e^one + e^other), without overflow."""
    return max(one, other) + math.log1p(math.exp(-abs(one - other)))
