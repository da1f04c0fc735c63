"""What a round is trained on: its own pairs under people's labels, and those of labels that came late.

Which labels enter is decided once, before a pair is written, and kept with what each of them changed: a stage that died
half-way finds the same labels again, whatever people answered meanwhile, and so makes the same pairs. A label enters
one training set: that of its own round where it came in time, else that of the next round to be paired.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from judge.measure.calibration import apply_calibration
from judge.ranks.ranking import rank
from judge.ranks.standing import standing_labels
from loop.context import RunContext
from loop.label_effects import late_effects, own_effects
from loop.late_labels import late_pairs
from loop.pairs import PairsResult, build_pairs
from store.records import Comparison, Label, Pair, Preference, StageMarker, Verdict

LABELS = "labels"
"""The marker that says which labels enter a round's pairs: those that its entries in the ledger name."""

Judged = Sequence[tuple[Comparison, Verdict]]


@dataclass(frozen=True)
class Paired:
    """A round's preferences, and all the pairs it is trained on; `late` counts those of late labels."""

    preferences: list[Preference]
    pairs: tuple[Pair, ...]
    dropped: dict[str, int]
    late: int


def pair_round(run: RunContext, index: int) -> Paired:
    """The preferences and pairs of round `index`; the first call decides which labels enter them."""
    start = time.monotonic()
    store = run.store
    decided = store.marker(index, LABELS) is not None
    entering = list(store.entered_labels(index) if decided else store.labels_without_effect(index))
    own = [label for played, label in entering if played == index]
    late = [(played, label) for played, label in entering if played < index]
    judged = list(store.judged(index, "train"))
    preferences, made = paired(run, index, judged, own)
    together = late_pairs(store, index, late, made.pairs, judged, run.config.pairs)
    if not decided:
        labelled = {label.comparison_id for label in own}
        prompts = {comparison.prompt.id for comparison, _ in judged if comparison.id in labelled}
        of_labelled = [both for both in judged if both[0].prompt.id in prompts]
        alone = paired(run, index, of_labelled, [])[1] if own else PairsResult((), {})
        store.enter(
            [
                *own_effects(index, own, of_labelled, made, alone.pairs),
                *late_effects(index, late, together, after=len(own)),
            ],
            StageMarker(
                round=index,
                stage=LABELS,
                seconds=time.monotonic() - start,
                counts={"labels": len(own), "late": len(late)},
            ),
        )
    dropped = {**made.dropped, **({"overruled": together.overruled} if together.overruled else {})}
    return Paired(preferences, together.pairs, dict(sorted(dropped.items())), together.made)


def paired(
    run: RunContext, index: int, judged: Judged, labels: Iterable[Label]
) -> tuple[list[Preference], PairsResult]:
    """The round's preferences and pairs under these labels, the verdicts calibrated where the run says so.

    Labels of the repeat lane are left out: they measure their reviewer.
    """
    calibration = run.calibration
    judged = apply_calibration(judged, calibration)
    verdicts_of: dict[str, list[tuple[Comparison, Verdict]]] = {}
    for comparison, verdict in judged:
        verdicts_of.setdefault(comparison.prompt.id, []).append((comparison, verdict))
    standing = standing_labels(label for label in labels if label.lane != "repeat")
    preferences = []
    for prompt_id, samples in groupby(run.store.samples(index, "train"), key=lambda s: s.prompt_id):
        if (own := verdicts_of.get(prompt_id)) is not None:
            of_prompt = [label for one, _ in own if one.id in standing for label in standing[one.id].labels]
            preference = rank(list(samples), own, of_prompt)
            preferences.extend([preference] if preference else [])
    stand = [label for one in standing.values() for label in one.labels]
    return preferences, build_pairs(
        preferences, judged, stand, run.config.pairs, calibration.id if calibration else None
    )
