"""Which of many answers to compare: a Swiss tournament, then closer looks at its top and its bottom.

From six answers on a round robin asks k(k-1)/2 comparisons, most of them between answers that are plainly far apart
or both in the middle. A Swiss tournament compares neighbours in the standings, wave by wave; after it
the first and the last few are each held against the nearest that they have not met, and at last the best against the
worst, since that is the pair that training takes and two answers that nobody compared make no pair.

Every wave is a function of the seed and of the verdicts on the waves before it, so a tournament that is played again
on stored verdicts asks for the very same comparisons. No comparison is asked for twice: a judge's answer to the same
question says nothing new. Standings are the soft Bradley–Terry strengths of `judge.ranks.ranking`, by which the
samples are ranked in the end as well.

Left out: knockout and merge sort. Each hangs the place of an answer on single verdicts of a judge that errs in one of
five; `benchmarks.ranking` shows what that costs.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, islice
from typing import Literal

from judge.ranks.bradley_terry import Game, bradley_terry
from prompts.hashing import content_hash

ROUND_ROBIN_UP_TO = 5
"""Of so many different answers, or fewer, every two are compared: a tournament would save next to nothing."""

_SWISS_WAVES = 3
_CLOSINGS = 3
"""Waves at the end, at most, in which a verdict on best against worst may move one of them."""

Pairing = tuple[int, int]
"""Two players, the lower number first."""


class Tournament:
    """The comparisons of `size` players, wave by wave: ask `wave`, have it judged, `record` what came of it.

    `draw` lists the players in an order that owes nothing to their quality; it seeds the first wave and settles ties.
    `ends` is how many pairs from the two ends of the ranking (best and worst, second best and second worst, …) are to
    be compared in the end. With `everyone` the first wave is a round robin and there is no other.
    """

    def __init__(self, draw: Sequence[int], *, ends: int = 1, everyone: bool = False) -> None:
        self._draw = {player: place for place, player in enumerate(draw)}
        self._size = len(draw)
        self._ends = ends
        self._everyone = everyone or self._size <= 3
        self._looks = self._size // 4
        self._games: list[Game] = []
        self._met: set[Pairing] = set()
        self._rested: set[int] = set()
        self._waves = 0
        self.wave = self._next()

    def record(self, p_first: Mapping[Pairing, float | None]) -> None:
        """Take the verdicts on `wave` (None: unscored, which counts for nothing and is not asked again).

        `p_first` is the probability that the first player of the pairing is the better one. Raises KeyError where a
        pairing of the wave is missing.
        """
        for pairing in self.wave:
            said = p_first[pairing]
            self._met.add(pairing)
            if said is not None:
                self._games.append((*pairing, said))
        self._waves += 1
        self.wave = self._next()

    def standings(self) -> list[int]:
        """The players, best first by the verdicts so far."""
        strengths = bradley_terry(self._size, self._games)
        # Rounded: strengths that are equal but for the last bits of a sum are settled by the draw.
        return sorted(
            self._draw, key=lambda player: (-round(float(strengths[player]), 9), self._draw[player])
        )

    def _next(self) -> tuple[Pairing, ...]:
        """The next wave, in order; empty when the tournament is over."""
        if self._everyone:
            return () if self._waves else tuple(combinations(range(self._size), 2))
        if self._waves == 0:
            return self._opening()
        closer = _SWISS_WAVES + self._looks
        ranked = self.standings()
        while self._waves < closer:
            wave = self._swiss(ranked) if self._waves < _SWISS_WAVES else self._closer_look(ranked)
            if wave:
                return wave
            self._waves += 1
        return self._closing(ranked) if self._waves < closer + _CLOSINGS else ()

    def _opening(self) -> tuple[Pairing, ...]:
        players = list(self._draw)
        self._rested.update(players[self._size - self._size % 2 :])
        return self._unmet(zip(players[0::2], players[1::2], strict=False))

    def _swiss(self, ranked: list[int]) -> tuple[Pairing, ...]:
        """Neighbours in the standings that have not met, from both ends inwards; who is left over rests.

        What rest there is falls to the middle, where a place more or less matters least.
        """
        left = list(ranked)
        if len(left) % 2:
            middle = sorted(left, key=lambda player: abs(left.index(player) - len(left) // 2))
            resting = next((player for player in middle if player not in self._rested), middle[0])
            left.remove(resting)
            self._rested.add(resting)
        wave: list[Pairing] = []
        from_top = True
        while len(left) > 1:
            player, *others = left if from_top else reversed(left)
            rival = next((other for other in others if _pairing(player, other) not in self._met), None)
            left.remove(player)
            if rival is not None:
                left.remove(rival)
                wave.append(_pairing(player, rival))
            from_top = not from_top
        return tuple(sorted(wave))

    def _closer_look(self, ranked: list[int]) -> tuple[Pairing, ...]:
        """Each of the first and of the last few against the nearest in the standings that it has not met."""
        few = min(self._ends + 1, len(ranked) // 2)
        looked_at = [*range(few), *range(len(ranked) - few, len(ranked))]
        wave: list[Pairing] = []
        for place in looked_at:
            others = sorted(range(len(ranked)), key=lambda other: (abs(other - place), other))
            pairings = (_pairing(ranked[place], ranked[other]) for other in others if other != place)
            wave.extend(islice((pairing for pairing in pairings if pairing not in self._met), 1))
        return tuple(sorted(set(wave)))

    def _closing(self, ranked: list[int]) -> tuple[Pairing, ...]:
        """The pairs from the two ends, where they have not met; asked again when a verdict moved an end."""
        ends = range(min(self._ends, len(ranked) // 2))
        return self._unmet((ranked[end], ranked[-1 - end]) for end in ends)

    def _unmet(self, wanted: Iterable[Pairing]) -> tuple[Pairing, ...]:
        return tuple(sorted({_pairing(*two) for two in wanted} - self._met))


def _pairing(one: int, other: int) -> Pairing:
    return (one, other) if one < other else (other, one)


def tournament(
    texts: Sequence[str], seed: int, schedule: Literal["auto", "round_robin", "swiss"], ends: int
) -> Tournament:
    """The tournament of these different texts as `judge.schedule` asks for it.

    The draw ranks texts by their hash under `seed`, so it does not depend on the order they come in.
    """
    draw = sorted(range(len(texts)), key=lambda player: content_hash(f"{seed}:{texts[player]}"))
    few = schedule == "auto" and len(texts) <= ROUND_ROBIN_UP_TO
    return Tournament(draw, ends=ends, everyone=few or schedule == "round_robin")
