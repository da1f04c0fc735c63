"""Which comparisons people see: a random lane that measures, and a targeted lane that informs.

The random lane is a random sample without replacement, simple or within strata, so what it shows holds for all it was
drawn from; its inclusion probability n/N (of its stratum) is stored with each item at the draw. The targeted lane takes
what chance left and a sign points at (see `review.signs`); it is picked by rule, carries no design weight, and enters
no audit: pooling it with the random lane would make any judge look worse than it is. A share of the random lane can
be given to several reviewers, and a share be asked again of those who answered it, with the sides exchanged.

The draw ranks every id by its hash under the seed and takes the smallest. That is as random as the hash, and does not
depend on the order in which verdicts arrived or on any library's generator. Where an item stands in the queue is
another hash, over both lanes at once: a queue left half answered is still a random sample, and nobody can tell the lane
of an item from when it comes.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prompts.hashing import content_hash
from review.signs import Signs, strongest, telling
from review.strata import Stratifier, allocate, stratum_of
from store.records import Comparison, Purpose, ReviewItem, Verdict


@dataclass(frozen=True)
class Design:
    """How a queue is drawn, beside its size. Shares are of the random lane's items, to the nearest whole item."""

    strata: tuple[Stratifier, ...] = ()
    """What the random lane is stratified by; with none it is a simple random sample."""
    overlap: int = 1
    """Reviewers who are asked, where more than one is."""
    overlap_share: float = 1.0
    repeats: float = 0.0
    """Share that is asked again of the same reviewers."""
    flags: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Further signs by comparison id, from who knows more than the verdicts say."""


_PLAIN = Design()


def draw(
    judged: Iterable[tuple[Comparison, Verdict]],
    n_random: int,
    n_targeted: int,
    seed: int,
    round: int,
    purpose: Purpose,
    design: Design = _PLAIN,
) -> list[ReviewItem]:
    """The queue for these comparisons, in its order, repeats last: a function of the seed and of which they are.

    Unscored comparisons can be drawn at random (people may know what the judge did not), but no verdict is doubtful
    there. `inclusion_probability` is that of the stratum in the random lane (and of its repeats), and 1 in the
    targeted one, where chance played no part.
    """
    verdicts: dict[str, list[Verdict]] = {}
    comparisons: dict[str, Comparison] = {}
    for comparison, verdict in judged:
        comparisons[comparison.id] = comparison
        verdicts.setdefault(comparison.id, []).append(verdict)

    def ticket(what: str) -> Callable[[str], str]:
        return lambda comparison_id: content_hash(f"{seed}:{what}{comparison_id}")

    def fixed(comparison_id: str) -> dict[str, object]:
        return {"comparison_id": comparison_id, "round": round, "purpose": purpose, "seed": seed}

    chance, place = ticket(""), ticket("place:")
    strata = {
        comparison_id: stratum_of(comparison, verdicts[comparison_id], design.strata)
        for comparison_id, comparison in comparisons.items()
    }
    chosen: list[tuple[str, str, float]] = []
    for stratum, members, size in allocate(strata, n_random):
        drawn = heapq.nsmallest(size, members, key=chance)
        chosen += [(comparison_id, stratum, size / len(members)) for comparison_id in drawn]
    shared = _share(chosen, design.overlap_share, ticket("overlap:"))
    again = _share(chosen, design.repeats, ticket("repeat:"))
    at_random = {one[0] for one in chosen}
    signs: dict[str, Signs] = {
        comparison_id: telling(comparison, verdicts[comparison_id], design.flags.get(comparison_id, ()))
        for comparison_id, comparison in comparisons.items()
        if comparison_id not in at_random
    }
    targeted = strongest(signs, n_targeted, chance)

    order = sorted([*at_random, *targeted], key=place)
    positions = {comparison_id: position for position, comparison_id in enumerate(order)}
    items = [
        ReviewItem(
            **fixed(comparison_id), lane="random", stratum=stratum, inclusion_probability=probability,
            overlap=design.overlap if comparison_id in shared else 1, position=positions[comparison_id],
        )
        for comparison_id, stratum, probability in chosen
    ]  # fmt: skip
    repeats = [
        ReviewItem(
            **fixed(item.comparison_id), lane="repeat", stratum=item.stratum, overlap=item.overlap, repeat_of=item.id,
            inclusion_probability=item.inclusion_probability, position=len(order) + item.position,
        )
        for item in items
        if item.comparison_id in again
    ]  # fmt: skip
    items += [
        ReviewItem(
            **fixed(comparison_id), lane="targeted", inclusion_probability=1.0, reasons=reasons,
            position=positions[comparison_id],
        )
        for comparison_id, reasons in targeted.items()
    ]  # fmt: skip
    return sorted(items + repeats, key=lambda item: item.position)


def _share(chosen: Sequence[tuple[str, str, float]], share: float, key: Callable[[str], str]) -> set[str]:
    size = int(share * len(chosen) + 0.5)
    return set(heapq.nsmallest(size, (one[0] for one in chosen), key=key))
