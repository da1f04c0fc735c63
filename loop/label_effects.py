"""What each label changed in a round's pairs, as entries of the ledger (`store.effects`).

In a round's own pairs a label is measured against the pairs that the verdicts alone would have given. Several labels on
one comparison act together, so all that stand and say what became of it share its effect.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from judge.ranks.standing import Standing, standing_labels
from loop.late_labels import LatePairs
from loop.pairs import PairsResult
from store.effects import Effect, LabelEffect
from store.records import Comparison, Label, Pair, Verdict

_Key = tuple[str, str]


def own_effects(
    index: int,
    labels: Sequence[Label],
    judged: Sequence[tuple[Comparison, Verdict]],
    made: PairsResult,
    alone: Iterable[Pair],
) -> Iterator[LabelEffect]:
    """What labels on the round's own comparisons changed: pairs `made` with them, and `alone` by the judge."""
    with_labels = {_key(pair.chosen, pair.rejected): pair for pair in made.pairs}
    without = {_key(pair.chosen, pair.rejected): pair for pair in alone}
    keys = {one.id: _key(one.first.id, one.second.id) for one, _ in judged}
    standing = standing_labels(label for label in labels if label.lane != "repeat")
    displaced = {pair.prompt_id: pair for key, pair in without.items() if key not in with_labels}
    for position, label in enumerate(labels):
        key = keys.get(label.comparison_id)
        pair, judges = (with_labels.get(key), without.get(key)) if key else (None, None)
        detail: dict[str, Any] = {}
        effect: Effect = "nothing"
        why = "before_pairing"
        if pair is None:
            effect = "dropped" if judges else "nothing"
            why = made.reasons.get(label.comparison_id, "not_ranked")
        elif judges is None:
            effect = "added"
            if instead := displaced.get(pair.prompt_id):
                detail = {"instead_of": [instead.chosen, instead.rejected]}
        else:
            effect = "confirmed" if judges.chosen == pair.chosen else "flipped"
        people = standing.get(label.comparison_id)
        reason = why_not_standing(label, labels, people) or _outvoted(label, people)
        if reason is not None:
            effect, why, pair, detail = "nothing", reason, None, {}
        yield _entry(index, position, label, effect, why, pair, detail)


def late_effects(
    index: int, late: Sequence[tuple[int, Label]], together: LatePairs, *, after: int
) -> Iterator[LabelEffect]:
    """What late labels changed in round `index`; `after` is how many entries the stage has before them."""
    labels = [label for _, label in late]
    for position, (played, label) in enumerate(late, after):
        outcome = together.outcomes.get(label.comparison_id)
        detail: dict[str, Any] = {"of_round": played}
        if outcome is not None and outcome.earlier is not None:
            detail["earlier"] = outcome.earlier.id
        effect: Effect = outcome.effect if outcome else "nothing"
        why = outcome.why if outcome else "not_ranked"
        pair = outcome.pair if outcome else None
        people = together.standing.get(label.comparison_id)
        reason = why_not_standing(label, labels, people) or _outvoted(label, people)
        # What a withdrawal leaves standing is its doing, so it has the effect of what came of the comparison.
        if reason is not None and reason != "withdrawal":
            effect, why, pair = "nothing", reason, None
        yield _entry(index, position, label, effect, why, pair, detail)


def why_not_standing(label: Label, labels: Iterable[Label], standing: Standing | None) -> str | None:
    """Why a label does not count for its comparison, or None where it does. `labels` are all there are."""
    if standing is not None and label.id in {one.id for one in standing.labels}:
        return None
    if label.lane == "repeat":
        return "repeat"
    if label.value == "withdrawn":
        return "withdrawal"
    own = [one for one in labels if (one.item_id, one.reviewer) == (label.item_id, label.reviewer)]
    latest = max(own, key=lambda one: one.revision)
    if latest.revision > label.revision:
        return "withdrawn" if latest.value == "withdrawn" else "revised"
    overruled = standing is not None and any(one.source == "override" for one in standing.labels)
    return "overruled" if overruled else "revised"


def _outvoted(label: Label, people: Standing | None) -> str | None:
    """That a label stands, and what people together prefer is not what it says."""
    if people is None or not people.decided or label.value == "withdrawn":
        return None
    return "outvoted" if (label.p_first - 0.5) * (people.p_first - 0.5) <= 0 else None


def _entry(
    index: int,
    position: int,
    label: Label,
    effect: Effect,
    why: str,
    pair: Pair | None,
    detail: dict[str, Any],
) -> LabelEffect:
    return LabelEffect(
        label_id=label.id,
        comparison_id=label.comparison_id,
        reviewer=label.reviewer,
        round=index,
        stage="pair",
        position=position,
        effect=effect,
        why=why,
        subject=pair.id if pair else None,
        detail=detail,
    )


def _key(one: str, other: str) -> _Key:
    return (one, other) if one < other else (other, one)
