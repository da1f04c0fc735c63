"""A round's labelled comparisons as a sample: of each, whether people side against the judge, and how it was drawn.

A comparison is one unit however many reviewers were asked, because their labels on it are not independent. Judges' and
people's words are folded by their means. What nobody decided stays in the sample as undecided: it was drawn, and the
variance of a share among the decided must know how many there were.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from store.answered import Answer, Drawn, Judged
from store.records import LabelValue, Mark

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SIDE: dict[LabelValue, float] = {"much_better": 1.0, "better": 1.0, "worse": 0.0, "much_worse": 0.0}
_MARK: dict[Mark, float] = {"first": 1.0, "second": 0.0, "same": 0.5}


@dataclass(frozen=True)
class Sampled:
    """Arrays over comparisons, all of one length."""

    ids: tuple[str, ...]
    against: Floats
    """1 where people side against the judge, 0 with it, NaN where either is undecided or there is no verdict."""
    people: Floats
    """The mean of what they said as a win of the first sample, in [0, 1]; NaN where they said nothing here."""
    scored: NDArray[np.bool_]
    """Whether there is a verdict, and a label to hold against it."""
    probability: Floats
    """Of inclusion, as stored at the draw."""
    stratum: Ints
    """Index into `strata`."""
    prompt: Ints
    labels: Ints
    """Labels on it."""
    both_bad: NDArray[np.bool_]
    tied: NDArray[np.bool_]
    """Everybody said the same or both bad, and not all both bad."""
    strata: tuple[str, ...]
    drawn: Ints
    """Items drawn, by stratum."""
    population: Floats
    """Comparisons in each stratum: the sum of 1 / probability over the items drawn from it."""

    def part(self, stratum: int) -> "Sampled":
        """The comparisons of one stratum alone."""
        here = self.stratum == stratum
        return replace(
            self,
            ids=tuple(id for id, chosen in zip(self.ids, here, strict=True) if chosen),
            **{name: getattr(self, name)[here] for name in _PER_COMPARISON},
        )


_PER_COMPARISON = (
    "against",
    "people",
    "scored",
    "probability",
    "stratum",
    "prompt",
    "labels",
    "both_bad",
    "tied",
)


def sampled(
    answers: Iterable[Answer], verdicts: Mapping[str, float | None], drawn: Sequence[Drawn]
) -> Sampled:
    """Fold the random lane's answers; `verdicts` give the judge's probability by comparison id, None for unscored."""
    return _fold(answers, verdicts, drawn, lambda answer: _SIDE.get(answer.value, 0.5))


def sampled_by_mark(
    answers: Iterable[Answer], verdicts: Mapping[str, float | None], drawn: Sequence[Drawn], principle: str
) -> Sampled:
    """The same for the marks under one principle. What has none stays in the sample, unscored."""
    return _fold(
        answers,
        verdicts,
        drawn,
        lambda answer: _MARK[answer.marks[principle]] if principle in answer.marks else None,
    )


def weights(sample: Sampled) -> Floats:
    """1 / probability, raised in every part by what of it was not answered."""
    plain: Floats = 1.0 / sample.probability
    answered = np.bincount(sample.stratum, plain, minlength=len(sample.population))
    return plain * (sample.population / np.maximum(answered, 1e-12))[sample.stratum]


def mean_verdicts(judged: Iterable[Judged], principle: str | None = None) -> dict[str, float | None]:
    """The judge's probability by comparison id: several judges' mean, None where none was scored.

    With `principle`, of the verdicts under that principle alone; comparisons that were not judged by it are missing.
    """
    scores: dict[str, list[float]] = {}
    for row in judged:
        if principle is None:
            own = scores.setdefault(row.comparison_id, [])
            if row.p_first is not None:
                own.append(row.p_first)
        elif row.by_principle is not None and principle in row.by_principle:
            scores.setdefault(row.comparison_id, []).append(row.by_principle[principle]["p_first"])
    return {id: sum(own) / len(own) if own else None for id, own in scores.items()}


def _fold(
    answers: Iterable[Answer],
    verdicts: Mapping[str, float | None],
    drawn: Sequence[Drawn],
    side: Callable[[Answer], float | None],
) -> Sampled:
    by_comparison: dict[str, list[Answer]] = {}
    for answer in answers:
        if answer.lane == "random":
            by_comparison.setdefault(answer.comparison_id, []).append(answer)
    random = [part for part in drawn if part.lane == "random"]
    strata = sorted({part.stratum for part in random})
    codes = {name: code for code, name in enumerate(strata)}
    counts, population = np.zeros(len(strata), np.int64), np.zeros(len(strata))
    for part in random:
        counts[codes[part.stratum]] += part.items
        population[codes[part.stratum]] += part.items / part.inclusion_probability

    ids = sorted(by_comparison)
    prompts: dict[str, int] = {}
    rows = []
    for id in ids:
        own = by_comparison[id]
        sides = [said for answer in own if (said := side(answer)) is not None]
        people = sum(sides) / len(sides) if sides else None
        p = verdicts.get(id)
        undecided = people is None or p is None or people == 0.5 or p == 0.5
        tied = bool(sides) and all(said == 0.5 for said in sides)
        both_bad = all(answer.value == "both_bad" for answer in own)
        rows.append(
            (
                np.nan if undecided else float((p > 0.5) != (people > 0.5)),  # type: ignore[operator]
                np.nan if people is None else people,
                people is not None and p is not None,
                own[0].inclusion_probability,
                codes[own[0].stratum],
                prompts.setdefault(own[0].prompt_id, len(prompts)),
                len(sides),
                tied and both_bad,
                tied and not both_bad,
            )
        )
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(_PER_COMPARISON)
    kinds = (float, float, bool, float, np.int64, np.int64, np.int64, bool, bool)
    arrays = {
        name: np.array(column, dtype=kind)
        for name, column, kind in zip(_PER_COMPARISON, columns, kinds, strict=True)
    }
    return Sampled(ids=tuple(ids), strata=tuple(strata), drawn=counts, population=population, **arrays)
