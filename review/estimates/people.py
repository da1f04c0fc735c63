"""What each reviewer's labels in a run look like: how many, how fast, how even-handed, how far in agreement.

The figures are for the reviewer and the lead to see, and decide nothing. A left-choice rate away from one half is a
habit of the hand, because sides are shuffled; little agreement with oneself bounds what agreement with anyone
else could be.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median

from review.estimates.alpha import human_agreement, raw_agreement, side_of, within_agreement
from review.estimates.report import Agreement, PeopleReport, Reviewer
from review.estimates.sampled import mean_verdicts
from review.simulated import SIMULATED
from store.answered import Answer, Answered
from store.run import RunStore

PAUSE_S = 300.0
"""Between two labels further apart than this, their reviewer was doing something else."""
_FEWEST = 3
"""Labels under which a pace says nothing."""

Sided = tuple[str, str]
"""A label's reviewer, and the side it takes (see `side_of`), with both bad as neither."""


def people(store: RunStore) -> PeopleReport:
    """Everybody who labelled in the run, by name, over all its rounds."""
    rows = Answered(store.database, store.name)
    everything, blind, skips = rows.answers(blind=False), rows.answers(), rows.skips()
    verdicts = mean_verdicts(rows.verdicts_on_items())
    by_comparison: dict[str, list[Sided]] = {}
    for answer in blind:
        if answer.lane == "random":
            by_comparison.setdefault(answer.comparison_id, []).append((answer.reviewer, _side(answer)))
    own, own_blind = _by_reviewer(everything), _by_reviewer(blind)
    return PeopleReport(
        reviewers=tuple(
            _reviewer(
                name, own.get(name, []), own_blind.get(name, []), verdicts, by_comparison, skips.get(name, 0)
            )
            for name in sorted({*own, *own_blind, *skips})
        ),
        human=human_agreement(blind),
    )


def _reviewer(
    name: str,
    answers: Sequence[Answer],
    blind: Sequence[Answer],
    verdicts: Mapping[str, float | None],
    by_comparison: Mapping[str, Sequence[Sided]],
    skipped: int,
) -> Reviewer:
    queued = [answer for answer in answers if answer.source in ("queue", "late")]
    random = [answer for answer in blind if answer.lane == "random"]
    said = Counter(side_of(answer.value) for answer in answers)
    seconds = [answer.seconds for answer in queued if answer.seconds is not None]
    return Reviewer(
        name=name,
        labels=len(answers),
        blind=len(blind),
        an_hour=None if name == SIMULATED else _pace(queued),
        median_seconds=median(seconds) if seconds else None,
        left=raw_agreement(
            [
                (int((side == "first") != answer.swapped), 1)
                for answer in queued
                if (side := side_of(answer.value)) in ("first", "second")
            ]
        ),
        with_judge=_with_judge(random, verdicts),
        with_others=raw_agreement(_with_others(name, answer, by_comparison) for answer in random),
        within=within_agreement(blind, name),
        both_bad=said["both_bad"],
        same=said["neither"],
        skipped=skipped,
        simulated=name == SIMULATED,
    )


def _with_judge(random: Sequence[Answer], verdicts: Mapping[str, float | None]) -> Agreement:
    return raw_agreement(
        [
            (int((side == "first") == (p > 0.5)), 1)
            for answer in random
            if (side := side_of(answer.value)) in ("first", "second")
            and (p := verdicts.get(answer.comparison_id)) is not None
            and p != 0.5
        ]
    )


def _with_others(name: str, answer: Answer, by_comparison: Mapping[str, Sequence[Sided]]) -> tuple[int, int]:
    others = [side for reviewer, side in by_comparison[answer.comparison_id] if reviewer != name]
    return sum(side == _side(answer) for side in others), len(others)


def _side(answer: Answer) -> str:
    side = side_of(answer.value)
    return "neither" if side == "both_bad" else side


def _pace(answers: Sequence[Answer]) -> float | None:
    """Labels an hour: one over the mean time from a label to the next, pauses left out."""
    times = sorted(answer.created_at for answer in answers)
    steps = [step for a, b in pairwise(times) if (step := (b - a).total_seconds()) <= PAUSE_S]
    if len(steps) < _FEWEST - 1 or sum(steps) <= 0.0:
        return None
    return 3600.0 * len(steps) / sum(steps)


def _by_reviewer(answers: Sequence[Answer]) -> dict[str, list[Answer]]:
    found: dict[str, list[Answer]] = {}
    for answer in answers:
        found.setdefault(answer.reviewer, []).append(answer)
    return found
