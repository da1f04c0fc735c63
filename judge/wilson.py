"""The interval of a share: Wilson's score interval, which stays honest near 0 and 1 and for few cases.

Wilson (1927), Probable inference, the law of succession, and statistical inference; as statsmodels works it out. Every
share in this system that rests on independent cases of equal weight has its interval from here.
"""

from statsmodels.stats.proportion import proportion_confint

from judge.interval import Interval


def wilson(share: float, n: float, confidence: float = 0.95) -> Interval:
    """The interval of a share in [0, 1] of `n` cases, n > 0, which need not be whole (an effective number, say)."""
    low, high = proportion_confint(share * n, n, alpha=1.0 - confidence, method="wilson")
    # Wilson's bounds reach 0 and 1 only up to rounding.
    return Interval(value=share, low=min(share, max(0.0, float(low))), high=max(share, min(1.0, float(high))))
