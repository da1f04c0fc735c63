"""What a judge said in one presentation order, and how two orders become one probability.

A judge that favours a position adds about the same to the logit of whatever stands there. Averaging the logits of
both orders cancels that; averaging probabilities would not. Votes have no logit (a unanimous vote would be
infinite), so there the probabilities are averaged. Two orders that disagree are not made a tie.
"""

import math
from dataclasses import dataclass
from typing import Self

from judge.presentation import Presentation


@dataclass(frozen=True)
class Reading:
    """One order's answer in terms of the samples. `logit` is None where the answer is a share of votes.

    `label_mass` is the probability of both labels together before they were normalised, where it is known.
    """

    p_first: float
    logit: float | None = None
    label_mass: float | None = None

    @classmethod
    def of_logprobs(
        cls, presentation: Presentation, by_label: tuple[float, float], temperature: float = 1.0
    ) -> Self:
        """From natural-log probabilities of the two labels, renormalised over them; finite values only."""
        first, second = presentation.by_sample(by_label)
        logit = (first - second) / temperature
        mass = math.exp(by_label[0]) + math.exp(by_label[1])
        # Rounding can lift the sum of two probabilities a little above 1.
        return cls(p_first=sigmoid(logit), logit=logit, label_mass=min(mass, 1.0))

    @classmethod
    def of_votes(cls, presentation: Presentation, by_label: tuple[int, int]) -> Self:
        """From the number of votes for each label, at least one in all."""
        first, second = presentation.by_sample(by_label)
        return cls(p_first=first / (first + second))


def average(one: Reading, other: Reading) -> float:
    """The probability that the first sample is better, from both orders with equal weight."""
    if one.logit is not None and other.logit is not None:
        return sigmoid((one.logit + other.logit) / 2)
    return (one.p_first + other.p_first) / 2


def lowest_mass(one: Reading, other: Reading) -> float | None:
    """The smaller label mass of the two orders; None where an order has none."""
    if one.label_mass is None or other.label_mass is None:
        return None
    return min(one.label_mass, other.label_mass)


def sigmoid(logit: float) -> float:
    """1 / (1 + e^-logit), without overflow."""
    return 0.5 * (1.0 + math.tanh(0.5 * logit))
