"""Which comparisons people see: a random lane that measures, and an targeted lane that informs.

The random lane is a simple random sample without replacement, so what it shows holds for all it was drawn from, and
its inclusion probability n/N is stored with each item at the draw. The targeted lane takes the comparisons that the
judge found hardest, or over which the members of a panel part; it is picked by rule, carries no design weight, and
enters no audit: pooling it with the random lane would make any judge look worse than it is.

The draw ranks every id by its hash under the seed and takes the smallest. That is as random as the hash, does not
depend on the order in which verdicts arrived or on any library's generator, and puts the queue itself in random order,
so that a queue left half answered is still a random sample.
"""

import heapq
from collections.abc import Iterable

from prompts.hashing import content_hash
from store.records import Comparison, Lane, Purpose, ReviewItem, Verdict


def draw(
    judged: Iterable[tuple[Comparison, Verdict]],
    n_random: int,
    n_targeted: int,
    seed: int,
    round: int,
    purpose: Purpose,
) -> list[ReviewItem]:
    """The queue for these comparisons, random lane first: a function of the seed and of which they are.

    Unscored comparisons can be drawn at random (people may know what the judge did not), but are not uncertain.
    `inclusion_probability` is min(1, n_random/N) in the random lane and 1 in the uncertain one, where chance
    played no part.
    """
    doubt: dict[str, float | None] = {}
    for comparison, verdict in judged:
        if doubt.get(comparison.id) is None:
            doubt[comparison.id] = _sureness(verdict)
    ticket = {comparison_id: content_hash(f"{seed}:{comparison_id}") for comparison_id in doubt}

    random_lane = heapq.nsmallest(n_random, doubt, key=ticket.__getitem__)
    drawn = set(random_lane)
    left = ((d, ticket[c], c) for c, d in doubt.items() if d is not None and c not in drawn)
    targeted_lane = [comparison_id for _, _, comparison_id in heapq.nsmallest(n_targeted, left)]

    share = len(random_lane) / len(doubt) if doubt else 1.0
    lanes: list[tuple[Lane, float, str]] = [("random", share, c) for c in random_lane]
    lanes += [("targeted", 1.0, c) for c in targeted_lane]
    return [
        ReviewItem(
            comparison_id=comparison_id,
            round=round,
            purpose=purpose,
            lane=lane,
            inclusion_probability=probability,
            seed=seed,
            position=position,
        )
        for position, (lane, probability, comparison_id) in enumerate(lanes)
    ]


def _sureness(verdict: Verdict) -> float | None:
    """How far a verdict is from even, less where it is a panel's whose members are apart; None where it is unscored."""
    if verdict.p_first is None:
        return None
    return abs(verdict.p_first - 0.5) * (1.0 - (verdict.disagreement or 0.0))
