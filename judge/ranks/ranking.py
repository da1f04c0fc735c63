"""From verdicts on pairs to one ranking of a prompt's samples.

Up to five differing samples every two are compared (a round robin); above that `judge.ranks.swiss` chooses. Either
way a Bradley–Terry model is fitted to the *soft* verdicts: a hesitant judge moves the ranking a little, and an
unscored verdict not at all. Where the judge may call a tie the model is Davidson's, which knows them
(`judge.ranks.ties`); labels that prefer neither answer are ties there, and half a win each way where ties are not
modelled.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations

from judge.ranks.bradley_terry import PRIOR_PRECISION, Game, bradley_terry
from judge.ranks.standing import standing_labels
from judge.ranks.ties import TieGame, davidson
from store.records import Comparison, Label, Preference, Prompt, Purpose, Sample, Verdict


def standing(samples: Iterable[Sample]) -> list[Sample]:
    """One sample for each different text, by index: of several with the same text the lowest index stands for all."""
    found: dict[str, Sample] = {}
    for sample in sorted(samples, key=lambda s: s.index):
        found.setdefault(sample.text, sample)
    return list(found.values())


def round_robin(
    prompt: Prompt, samples: Iterable[Sample], constitution_hash: str, round: int, purpose: Purpose
) -> list[Comparison]:
    """Every pair of samples whose texts differ, each pair once: k(k-1)/2 comparisons for k distinct texts."""
    return [
        Comparison(
            prompt=prompt,
            first=first,
            second=second,
            round=round,
            purpose=purpose,
            constitution=constitution_hash,
        )
        for first, second in combinations(standing(samples), 2)
    ]


def rank(
    samples: Sequence[Sample],
    judged: Sequence[tuple[Comparison, Verdict]],
    labels: Iterable[Label] = (),
    *,
    prior: float = PRIOR_PRECISION,
) -> Preference | None:
    """Rank one prompt's samples; None where no verdict and no label says anything.

    Unscored verdicts are left out. A label overrides the verdict on its comparison: the latest revision of each
    reviewer counts, and several reviewers count their mean. Samples with identical texts share a strength, ties are
    ordered by sample index. `prior` is the precision of the normal prior on the log-strengths.
    Raises ValueError for a comparison of a sample that is not among `samples`.
    """
    groups: dict[str, int] = {}
    for sample in samples:
        groups.setdefault(sample.text, len(groups))
    group_of = {sample.id: groups[sample.text] for sample in samples}

    people = standing_labels(labels)
    games: list[TieGame] = []
    verdict_ids: list[str] = []
    label_ids: list[str] = []
    for comparison, verdict in judged:
        if comparison.id in people:
            said: tuple[float, float | None] = (people[comparison.id].p_first, people[comparison.id].p_tie)
            label_ids.extend(label.id for label in people[comparison.id].labels)
        elif verdict.p_first is not None:
            said = (verdict.p_first, verdict.p_tie)
            verdict_ids.append(verdict.id)
        else:
            continue
        for sample in (comparison.first, comparison.second):
            if sample.id not in group_of:
                raise ValueError(
                    f"comparison {comparison.id} is about sample {sample.id}, which is not being ranked"
                )
        first, second = group_of[comparison.first.id], group_of[comparison.second.id]
        if first != second:
            games.append((first, second, *said))
    if not games:
        return None

    wins: list[Game] = [game[:3] for game in games]
    if any(verdict.p_tie is not None for _, verdict in judged):
        strengths = davidson(len(groups), games, prior).strengths
    else:
        strengths = bradley_terry(len(groups), wins, prior)
    order = sorted(samples, key=lambda s: (-strengths[group_of[s.id]], s.index, s.id))
    return Preference(
        prompt_id=samples[0].prompt_id,
        round=samples[0].round,
        samples=tuple(s.id for s in order),
        scores=tuple(float(strengths[group_of[s.id]]) for s in order),
        cycle=_has_cycle(len(groups), wins),
        verdict_ids=tuple(sorted(verdict_ids)),
        label_ids=tuple(sorted(label_ids)),
    )


def flip_rate(verdicts: Iterable[Verdict]) -> float | None:
    """Share of verdicts whose two presentation orders prefer different samples.

    The denominator is the scored verdicts that hold both single-order values; None where there are none. An order
    that is exactly undecided flips nothing.
    """
    flips = total = 0
    for verdict in verdicts:
        if verdict.p_first is not None and verdict.flipped is not None:
            total += 1
            flips += verdict.flipped
    return flips / total if total else None


def cycle_rate(preferences: Iterable[Preference]) -> float | None:
    """Share of rankings whose majority preferences contain a cycle (a over b over c over a).

    The denominator is the rankings of three samples or more, since two cannot form a cycle; None where there are none.
    """
    cycles = total = 0
    for preference in preferences:
        if len(preference.samples) >= 3:
            total += 1
            cycles += preference.cycle
    return cycles / total if total else None


def _has_cycle(size: int, games: Sequence[Game]) -> bool:
    """Whether "is preferred to" runs in a circle; several games of one pair count their mean."""
    balance: dict[tuple[int, int], float] = {}
    for i, j, p in games:
        key, gain = ((i, j), p - 0.5) if i < j else ((j, i), 0.5 - p)
        balance[key] = balance.get(key, 0.0) + gain
    beats: list[set[int]] = [set() for _ in range(size)]
    losses = [0] * size
    for (i, j), gain in balance.items():
        if gain != 0.0:
            winner, loser = (i, j) if gain > 0.0 else (j, i)
            beats[winner].add(loser)
            losses[loser] += 1
    # Peel off whoever loses to nobody left; what cannot be peeled off lies on or behind a cycle.
    unbeaten = [node for node in range(size) if losses[node] == 0]
    peeled = 0
    while unbeaten:
        peeled += 1
        for loser in beats[unbeaten.pop()]:
            losses[loser] -= 1
            if losses[loser] == 0:
                unbeaten.append(loser)
    return peeled < size
