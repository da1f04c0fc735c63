"""Calls against correctness: how well schedules of comparisons rank k answers under a judge that errs.

A simulation. Qualities are drawn from a normal distribution; the judge's logit is the difference of two qualities
times a gain, plus noise that belongs to the pair (asking the same question again says the same), plus a bias for the
first position, which both presentation orders together cancel. With the defaults a verdict agrees with the truth in
about four of five pairs. Round robin and tournament are those of `judge.ranks.swiss`, ranked by the soft
Bradley–Terry fit. Random pairs, as many as the tournament asks, say what choosing them is worth. Knockout and merge
sort take a verdict's side as the truth and stand there for contrast.

    python -m benchmarks.ranking --trials 2000 --markdown docs/ranking.md
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from judge.ranks.bradley_terry import bradley_terry
from judge.ranks.swiss import Tournament

SIZES = (4, 6, 8, 12, 16)
GAIN, NOISE, BIAS = 1.6, 1.7, 0.8
"""Logits: for a standard deviation of quality, of the pair's own noise, and for the first slot."""

Floats = NDArray[np.float64]


@dataclass
class Trial:
    """One prompt: planted qualities, the judge's verdicts, and what it has been asked.

    A comparison is two calls, one for each presentation order.
    """

    quality: Floats
    verdicts: Floats
    asked: dict[tuple[int, int], float] = field(default_factory=dict)

    @classmethod
    def drawn(cls, size: int, rng: np.random.Generator) -> "Trial":
        quality = rng.normal(size=size)
        noise = np.triu(rng.normal(scale=NOISE, size=(size, size)), 1)
        logit = GAIN * (quality[:, None] - quality[None, :]) + noise - noise.T
        bias = rng.normal(BIAS, 0.3, size=(size, size))
        # Averaging the logits of both orders leaves what the two biases differ by.
        half = (bias - bias.T) / 2
        return cls(quality, 0.5 * (1 + np.tanh(0.5 * (logit + half))))

    def ask(self, one: int, other: int) -> float:
        """The probability that `one` is better; asked again it costs nothing and says the same."""
        pairing = (min(one, other), max(one, other))
        said = self.asked.setdefault(pairing, float(self.verdicts[pairing]))
        return said if one < other else 1.0 - said

    def fitted(self) -> list[int]:
        """The answers by the soft fit to all verdicts, best first."""
        size = len(self.quality)
        strengths = bradley_terry(size, [(i, j, p) for (i, j), p in self.asked.items()])
        return sorted(range(size), key=lambda n: -strengths[n])


Schedule = Callable[[Trial, Sequence[int]], list[int]]
"""Asks what it wants and returns the answers, best first; the second argument is a random order of them."""


def everyone(trial: Trial, draw: Sequence[int]) -> list[int]:
    return _tournament(trial, Tournament(draw, everyone=True))


def swiss(trial: Trial, draw: Sequence[int]) -> list[int]:
    return _tournament(trial, Tournament(draw))


def random_pairs(trial: Trial, draw: Sequence[int]) -> list[int]:
    """As many comparisons as the tournament would ask, drawn at random."""
    twin = Trial(trial.quality, trial.verdicts)
    swiss(twin, draw)
    order = np.random.default_rng(list(draw)).permutation(list(combinations(range(len(draw)), 2)))
    for one, other in order[: len(twin.asked)]:
        trial.ask(int(one), int(other))
    return trial.fitted()


def knockout(trial: Trial, draw: Sequence[int]) -> list[int]:
    """The best by elimination, the worst by elimination among those who lost at once."""
    best, beaten = _eliminate(draw, lambda one, other: trial.ask(one, other) > 0.5)
    worst, _ = _eliminate(beaten, lambda one, other: trial.ask(one, other) < 0.5)
    between = [n for n in trial.fitted() if n not in (best, worst)]
    return [best, *between, worst]


def merge_sort(trial: Trial, draw: Sequence[int]) -> list[int]:
    if len(draw) < 2:
        return list(draw)
    half = len(draw) // 2
    left, right = merge_sort(trial, draw[:half]), merge_sort(trial, draw[half:])
    merged: list[int] = []
    while left and right:
        merged.append((left if trial.ask(left[0], right[0]) > 0.5 else right).pop(0))
    return [*merged, *left, *right]


SCHEDULES: dict[str, Schedule] = {
    "round robin": everyone,
    "Swiss": swiss,
    "random pairs": random_pairs,
    "merge sort": merge_sort,
    "knockout": knockout,
}


@dataclass(frozen=True)
class Outcome:
    """Means over the trials of one schedule.

    `gap` is the true distance of the two answers it calls best and worst, as a share of the widest there is: what the
    training pair is worth.
    """

    k: int
    schedule: str
    comparisons: float
    best: float
    worst: float
    tau: float
    gap: float


def measure(trials: int, seed: int = 0, sizes: Sequence[int] = SIZES) -> Iterator[Outcome]:
    """Every schedule on the same trials."""
    for k in sizes:
        for name, schedule in SCHEDULES.items():
            rows = []
            for number in range(trials):
                rng = np.random.default_rng([seed, k, number])
                trial = Trial.drawn(k, rng)
                ranked = schedule(trial, [int(n) for n in rng.permutation(k)])
                rows.append((len(trial.asked), *_found(trial.quality, ranked)))
            yield Outcome(k, name, *(float(mean) for mean in np.mean(rows, axis=0)))


def pair_accuracy(trials: int, seed: int = 0) -> float:
    """How often a single verdict of the simulated judge, both orders averaged, is right."""
    drawn = [Trial.drawn(8, np.random.default_rng([seed, 8, number])) for number in range(trials)]
    return float(
        np.mean(
            [
                (trial.verdicts[i, j] > 0.5) == (trial.quality[i] > trial.quality[j])
                for trial in drawn
                for i, j in combinations(range(8), 2)
            ]
        )
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """Markdown."""
    lines = [
        "| k | schedule | comparisons | best found | worst found | Kendall's tau | gap of the pair |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {o.k} | {o.schedule} | {o.comparisons:.1f} | {o.best:.2f} | {o.worst:.2f} | {o.tau:.2f} | {o.gap:.3f} |"
        for o in outcomes
    ]
    return "\n".join(lines) + "\n"


def _tournament(trial: Trial, tournament: Tournament) -> list[int]:
    while tournament.wave:
        tournament.record({pairing: trial.ask(*pairing) for pairing in tournament.wave})
    return tournament.standings()


def _eliminate(players: Sequence[int], wins: Callable[[int, int], bool]) -> tuple[int, list[int]]:
    """The last one standing, and who lost in the first wave."""
    standing, first_losers = list(players), []
    while len(standing) > 1:
        rest = standing[len(standing) - len(standing) % 2 :]
        drawn = zip(standing[::2], standing[1::2], strict=False)
        through = [one if wins(one, other) else other for one, other in drawn]
        if len(standing) == len(players):
            first_losers = [n for n in standing if n not in through and n not in rest]
        standing = [*through, *rest]
    return standing[0], first_losers


def _found(quality: Floats, ranked: Sequence[int]) -> tuple[float, float, float, float]:
    order = quality[list(ranked)]
    pairs = list(combinations(range(len(order)), 2))
    tau = sum(1 if order[i] > order[j] else -1 for i, j in pairs) / len(pairs)
    span = float(quality.max() - quality.min())
    best, worst = ranked[0] == int(quality.argmax()), ranked[-1] == int(quality.argmin())
    return float(best), float(worst), tau, float(order[0] - order[-1]) / span


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--markdown", type=Path, help="write the table here too")
    asked = parser.parse_args()
    found = table(list(measure(asked.trials, asked.seed)))
    print(
        f"{asked.trials} trials a row; a verdict is right in {pair_accuracy(asked.trials, asked.seed):.2f} of pairs\n"
    )
    sys.stdout.write(found)
    if asked.markdown:
        asked.markdown.write_text(found, encoding="utf-8")


if __name__ == "__main__":
    main()
