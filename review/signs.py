"""What makes a comparison worth a look: the signs that the targeted lane goes by.

Each sign has a strength, so that comparisons can be ranked under it; the lane is filled by turns, one comparison of
each sign that is there and then the next of each, so that a round with a hundred flips still shows the two attacks.
"""

from collections.abc import Callable, Mapping, Sequence

from judge.cleaning import clean
from store.records import Comparison, Verdict

Signs = dict[str, float]
"""Sign → strength; higher is stronger."""

LOW_CONFIDENCE = "low_confidence"
ORDER_FLIP = "order_flip"
PANEL = "panel_disagreement"
ATTACK = "attack"
_TURNS = (ATTACK, ORDER_FLIP, PANEL, LOW_CONFIDENCE)
_APART = 0.5
"""Disagreement from which on the members of a panel part."""
_NEAR = 0.1
"""Distance from one half up to which a verdict is named for its low confidence, whatever it was picked for."""


def telling(comparison: Comparison, verdicts: Sequence[Verdict], flags: Sequence[str] = ()) -> Signs:
    """The signs of a comparison. Every scored one has `low_confidence`, as strong as its verdicts are unsure."""
    signs: Signs = dict.fromkeys(flags, 1.0)
    for verdict in verdicts:
        if verdict.p_first is None:
            continue
        apart = verdict.disagreement or 0.0
        signs[LOW_CONFIDENCE] = max(
            signs.get(LOW_CONFIDENCE, -1.0), -abs(verdict.p_first - 0.5) * (1.0 - apart)
        )
        if verdict.flipped:
            first, second = verdict.p_first_shown_first, verdict.p_first_shown_second
            signs[ORDER_FLIP] = max(signs.get(ORDER_FLIP, 0.0), abs((first or 0.0) - (second or 0.0)))
        if apart >= _APART:
            signs[PANEL] = max(signs.get(PANEL, 0.0), apart)
    if any(_hides_something(answer.text) for answer in (comparison.first, comparison.second)):
        signs[ATTACK] = 1.0
    return signs


def strongest(
    signs: Mapping[str, Signs], count: int, ticket: Callable[[str], str]
) -> dict[str, tuple[str, ...]]:
    """The comparisons to look at and the signs each was picked for; ties go by `ticket`."""
    if count <= 0:
        return {}
    there = {sign for own in signs.values() for sign in own}
    order = [*sorted(there - set(_TURNS)), *(sign for sign in _TURNS if sign in there)]
    ranked = {
        sign: iter(sorted((id for id in signs if sign in signs[id]), key=lambda id: (-signs[id][sign], ticket(id))))
        for sign in order
    }  # fmt: skip
    picked: dict[str, tuple[str, ...]] = {}
    while ranked and len(picked) < count:
        for sign in list(ranked):
            comparison_id = next((id for id in ranked[sign] if id not in picked), None)
            if comparison_id is None:
                del ranked[sign]
            elif len(picked) < count:
                picked[comparison_id] = _named(signs[comparison_id], sign)
    return picked


def _named(own: Signs, picked_for: str) -> tuple[str, ...]:
    return tuple(
        sorted(
            sign
            for sign, strength in own.items()
            if sign != LOW_CONFIDENCE or sign == picked_for or strength >= -_NEAR
        )
    )


def _hides_something(text: str) -> bool:
    """Whether a judge was shown other characters than are there: unseen ones, or the spelling of a chat's markers."""
    return clean(text) != text.replace("\r\n", "\n").replace("\r", "\n")
