"""What a judge said of one comparison under a part of the constitution, and the weighted mean of several such.

Parts are combined on the scale of probabilities (a linear opinion pool: Stone 1961, The opinion pool), not of logits.
Principles are no repeated measurements of one quantity but voters on several, and raw probabilities are overconfident:
on the logit scale one principle at 0.999 outweighs five at 0.2, here no principle has more than its weight. A vote
without log-probabilities is 0 or 1 and has no logit at all. The price: a principle that says nothing about a request
answers one half and draws the mean towards it, so thresholds of confidence mean less than with all in one prompt.

Scores are combined as scores, and the preference follows from the combined ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from judge.score import preference
from store.records import Part, Verdict


@dataclass(frozen=True)
class Opinion:
    """The values of a scored verdict, with the meaning they have there."""

    p_first: float
    p_first_shown_first: float | None = None
    p_first_shown_second: float | None = None
    p_tie: float | None = None
    score_first: float | None = None
    score_second: float | None = None

    @classmethod
    def of(cls, verdict: Verdict) -> Self | None:
        """None where the verdict is unscored."""
        if verdict.p_first is None:
            return None
        return cls(
            verdict.p_first,
            verdict.p_first_shown_first,
            verdict.p_first_shown_second,
            verdict.p_tie,
            verdict.score_first,
            verdict.score_second,
        )

    @classmethod
    def of_scores(cls, first: float, second: float, scale: float) -> Self:
        return cls(preference(first, second, scale), score_first=first, score_second=second)

    @property
    def part(self) -> Part:
        """What of it is kept with the verdict that it went into."""
        return Part(p_first=self.p_first, score_first=self.score_first, score_second=self.score_second)


def pool(opinions: Sequence[Opinion], weights: Sequence[float], scale: float) -> Opinion:
    """The weighted mean, value by value; `scale` is the link's, for opinions that have scores."""
    total = sum(weights)
    shares = [weight / total for weight in weights]

    def mean(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        # Rounding can carry the mean of equal values a little past them.
        found = sum(share * value for share, value in zip(shares, known, strict=True))
        return min(max(found, min(known)), max(known))

    first, second = mean([o.score_first for o in opinions]), mean([o.score_second for o in opinions])
    if first is not None and second is not None:
        return Opinion.of_scores(first, second, scale)
    p_first = mean([o.p_first for o in opinions])
    assert p_first is not None, "an opinion always has one"
    return Opinion(
        p_first,
        mean([o.p_first_shown_first for o in opinions]),
        mean([o.p_first_shown_second for o in opinions]),
        mean([o.p_tie for o in opinions]),
    )
