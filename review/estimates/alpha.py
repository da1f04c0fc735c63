"""How far people agree with each other: Krippendorff's alpha, raw agreement, and agreement with oneself.

Alpha (Krippendorff 2004, Reliability in content analysis, Human Communication Research 30) is 1 - observed / expected
disagreement, whoever answered what and however many were asked. By side it is nominal over first, second, neither and
both bad; by step ordinal over the five from much better to much worse. "Both bad" is no step between better and worse
but another thing to say, so by side it is an answer of its own and by step it is left out.

The figure is the krippendorff package's. Its interval is the percentile bootstrap over comparisons, which would take
the package a second or more; but comparisons are answered in few ways, and alpha is a ratio of sums over them. So each
resample is a draw of how often each way comes up, and all are worked out in a few matrix products.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import krippendorff
import numpy as np
from numpy.typing import NDArray

from judge.wilson import wilson
from review.estimates.report import Agreement, Alpha, HumanAgreement
from store.answered import Answer
from store.records import LabelValue

STEPS: tuple[LabelValue, ...] = ("much_worse", "worse", "same", "better", "much_better")
_SIDES = ("first", "second", "neither", "both_bad")
_RESAMPLES = 1000
_SEED = 20_241_121


def side_of(value: LabelValue) -> str:
    """What a label says by side: `first`, `second`, `neither` or `both_bad`."""
    if value == "both_bad":
        return "both_bad"
    if value in ("much_better", "better"):
        return "first"
    return "second" if value in ("worse", "much_worse") else "neither"


def human_agreement(answers: Sequence[Answer]) -> HumanAgreement:
    """Of the random lane's labels with each other, and of the repeat lane's with those of the same reviewer before."""
    by_comparison: dict[str, list[Answer]] = {}
    for answer in answers:
        if answer.lane == "random":
            by_comparison.setdefault(answer.comparison_id, []).append(answer)
    shared = [own for own in by_comparison.values() if len({answer.reviewer for answer in own}) > 1]
    sides = [Counter(side_of(answer.value) for answer in own) for own in shared]
    steps = [Counter[str](answer.value for answer in own) for own in shared]
    return HumanAgreement(
        comparisons=len(shared),
        labels=sum(map(len, shared)),
        reviewers=len({answer.reviewer for own in shared for answer in own}),
        raw=raw_agreement([_pairs(said) for said in sides]),
        side=krippendorffs_alpha(sides, _SIDES, ordinal=False),
        steps=krippendorffs_alpha(steps, STEPS, ordinal=True),
        within=within_agreement(answers),
    )


def raw_agreement(comparisons: Iterable[tuple[int, int]]) -> Agreement:
    """From (agreeing pairs, pairs) by comparison. Wilson at the number of comparisons: pairs of one go together."""
    rows = [row for row in comparisons if row[1]]
    pairs = sum(row[1] for row in rows)
    if not pairs:
        return Agreement(rate=None, pairs=0)
    return Agreement(rate=wilson(sum(row[0] for row in rows) / pairs, len(rows)), pairs=pairs)


def within_agreement(answers: Sequence[Answer], reviewer: str | None = None) -> Agreement:
    """Same side both times? Of one reviewer, or of all, over the repeat lane."""
    before = {(answer.item_id, answer.reviewer): answer for answer in answers}
    pairs = [
        (first, answer)
        for answer in answers
        if answer.lane == "repeat"
        and answer.repeat_of is not None
        and reviewer in (None, answer.reviewer)
        and (first := before.get((answer.repeat_of, answer.reviewer))) is not None
    ]
    return raw_agreement([(int(side_of(a.value) == side_of(b.value)), 1) for a, b in pairs])


def krippendorffs_alpha(
    comparisons: Sequence[Mapping[str, int]], values: Sequence[str], *, ordinal: bool
) -> Alpha | None:
    """Alpha over answers counted by comparison; `values` in their order, and others do not count.

    None where no comparison has two answers, or where all answers are the same, which leaves alpha undefined.
    """
    rows = [tuple(said.get(value, 0) for value in values) for said in comparisons]
    ways = Counter(row for row in rows if sum(row) > 1)
    if not ways or np.count_nonzero(np.sum(list(ways), axis=0)) < 2:
        return None
    counts = np.repeat(np.array(list(ways)), list(ways.values()), axis=0)
    value = float(
        krippendorff.alpha(value_counts=counts, level_of_measurement="ordinal" if ordinal else "nominal")
    )
    low, high = _bootstrap(np.array(list(ways), dtype=float), np.array(list(ways.values())), ordinal)
    return Alpha(value=value, low=min(value, low), high=max(value, high))


def _bootstrap(ways: NDArray[np.float64], times: NDArray[np.int64], ordinal: bool) -> tuple[float, float]:
    total = int(times.sum())
    draws = np.random.default_rng(_SEED).multinomial(total, times / total, size=_RESAMPLES)
    pairs = ways[:, :, None] * ways[:, None, :] - ways[:, :, None] * np.eye(ways.shape[1])
    coincidences = pairs / (ways.sum(axis=1) - 1.0)[:, None, None]
    observed = np.einsum("rw,wij->rij", draws, coincidences)
    alphas = alpha_of(observed, ordinal)
    # A resample in which all answers are alike says nothing of agreement beyond chance.
    known = alphas[np.isfinite(alphas)]
    if not known.size:
        return float("inf"), float("-inf")
    return float(np.quantile(known, 0.025)), float(np.quantile(known, 0.975))


def alpha_of(observed: NDArray[np.float64], ordinal: bool) -> NDArray[np.float64]:
    """Alpha of coincidence matrices, shape (r, v, v); NaN where all answers are alike."""
    marginals = observed.sum(axis=2)
    n = marginals.sum(axis=1)
    v = marginals.shape[1]
    if ordinal:
        middle = np.cumsum(marginals, axis=1) - marginals / 2.0
        distance = (middle[:, :, None] - middle[:, None, :]) ** 2
    else:
        distance = np.broadcast_to(1.0 - np.eye(v), observed.shape)
    chance = marginals[:, :, None] * marginals[:, None, :] - marginals[:, :, None] * np.eye(v)
    seen = (observed * distance).sum(axis=(1, 2))
    expected = (chance * distance).sum(axis=(1, 2)) / (n - 1.0)
    alphas: NDArray[np.float64] = 1.0 - np.divide(
        seen, expected, out=np.full_like(seen, np.nan), where=expected > 0.0
    )
    return alphas


def _pairs(said: Counter[str]) -> tuple[int, int]:
    """Agreeing pairs of answers, and pairs; same and both bad are both no side."""
    sides = [said["first"], said["second"], said["neither"] + said["both_bad"]]
    n = sum(sides)
    return sum(k * (k - 1) // 2 for k in sides), n * (n - 1) // 2
