"""Pairs of labels that came after their own round was paired: people who answered late, and corrections.

A comparison that such a label is on is looked at again, under all that stands on it now. What people prefer there and
no earlier round was trained on becomes a pair of this round; where an earlier round was trained on the opposite, it is
its corrected version. What cannot be mended is left and said in the ledger: training on a pair that people now call
undecided, or whose labels were withdrawn, is not undone.

The bounds on length and likeness hold as ever; that on the pairs of a prompt does not, since each of these was asked
for. A round never holds the same two answers both ways round: a label replaces the judge's pair, and of two labels
that of the later round counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from judge.ranks.standing import Standing, standing_labels
from loop.pairs import Bout, bouts_of, in_order, pair_of
from loop.settings import PairSettings
from store.effects import Effect
from store.records import Comparison, Label, Pair, Preference, Verdict
from store.run import RunStore

Judged = Sequence[tuple[Comparison, Verdict]]


@dataclass(frozen=True)
class LateOutcome:
    """What came of a comparison that late labels are on.

    `pair` is the one that was made, or that says the same already; `earlier` the last one of these two samples.
    """

    effect: Effect
    why: str
    pair: Pair | None = None
    earlier: Pair | None = None


@dataclass(frozen=True)
class LatePairs:
    """All pairs of the round: its own, less `overruled` of the judge's, and `made` of late labels; by prompt id."""

    pairs: tuple[Pair, ...]
    made: int = 0
    overruled: int = 0
    outcomes: Mapping[str, LateOutcome] = field(default_factory=dict)
    """By comparison id."""
    standing: Mapping[str, Standing] = field(default_factory=dict)
    """All that stands on those comparisons."""


def late_pairs(
    store: RunStore,
    index: int,
    late: Sequence[tuple[int, Label]],
    own: Sequence[Pair],
    judged: Judged,
    settings: PairSettings,
) -> LatePairs:
    """Add the pairs of `late` labels, each with its round, to round `index`'s `own`, whose comparisons are `judged`."""
    late = [(played, label) for played, label in late if label.lane != "repeat"]
    if not late:
        return LatePairs(tuple(own))
    training = _TrainingSet(own, judged)
    outcomes: dict[str, LateOutcome] = {}
    standing: dict[str, Standing] = {}
    for played in sorted({played for played, _ in late}, reverse=True):
        labels = [label for of, label in late if of == played]
        asked = {label.comparison_id for label in labels}
        known = _compared(store, played, asked)
        labels += store.labels_entered_on((comparison.id for comparison, _ in known), before=index)
        labels = [label for label in labels if label.lane != "repeat"]
        standing.update(standing_labels(labels))
        for prompt_id, bouts in sorted(bouts_of(known, labels).items()):
            earlier = _last(store.pairs_on([prompt_id], before=index))
            for key, bout in sorted(bouts.items()):
                if again := asked.intersection(bout.comparison_ids):
                    outcome = training.take(prompt_id, index, bout, earlier.get(key), settings)
                    outcomes.update(dict.fromkeys(again, outcome))
    pairs = tuple(sorted(training.pairs.values(), key=in_order))
    return LatePairs(pairs, training.made, training.overruled, outcomes, standing)


class _TrainingSet:
    """The pairs of a round as late ones join them, and the texts that they are of."""

    def __init__(self, own: Sequence[Pair], judged: Judged) -> None:
        self.pairs = {pair.id: pair for pair in own}
        self.made = self.overruled = 0
        texts = {sample.id: sample.text for one, _ in judged for sample in (one.first, one.second)}
        self._of_texts = {(p.prompt_id, texts[p.chosen], texts[p.rejected]): p for p in own}

    def take(
        self, prompt_id: str, index: int, bout: Bout, earlier: Pair | None, settings: PairSettings
    ) -> LateOutcome:
        """Make the pair that people ask for, or find out why it is none."""
        people = bout.people
        if people is None:
            return LateOutcome(
                "nothing", "withdrawn_after_training" if earlier else "withdrawn", None, earlier
            )
        if people == 0.5:
            return LateOutcome(
                "nothing", "undecided_after_training" if earlier else "undecided", None, earlier
            )
        chosen, rejected = (bout.first, bout.second) if people > 0.5 else (bout.second, bout.first)
        if earlier is not None and earlier.chosen == chosen.id:
            return LateOutcome("confirmed", "trained_already", earlier, earlier)
        # No ranking is behind it, only the label: its two samples are all it ranks, at no margin.
        alone = Preference(
            prompt_id=prompt_id, round=index, samples=bout.key, scores=(0.0, 0.0), cycle=False, verdict_ids=()
        )
        pair = pair_of(alone, bout, settings, None)
        if isinstance(pair, str):
            return LateOutcome("nothing", pair, None, earlier)
        same = self._of_texts.get((prompt_id, chosen.text, rejected.text))
        if same is not None:
            return LateOutcome("confirmed", "same_answers", same, earlier)
        opposite = self._of_texts.get((prompt_id, rejected.text, chosen.text))
        if opposite is not None and opposite.source == "human":
            return LateOutcome("nothing", "contradicted", opposite, earlier)
        if opposite is not None:
            del self.pairs[opposite.id], self._of_texts[prompt_id, rejected.text, chosen.text]
            self.overruled += 1
        self.pairs[pair.id] = pair
        self._of_texts[prompt_id, chosen.text, rejected.text] = pair
        self.made += 1
        return LateOutcome("flipped" if earlier or opposite else "added", "late", pair, earlier)


def _compared(store: RunStore, played: int, comparison_ids: set[str]) -> list[tuple[Comparison, Verdict]]:
    """Every comparison of that round on the prompts of these ones."""
    prompts = {store.comparison(id).prompt.id for id in comparison_ids}
    return [both for both in store.judged(played, "train") if both[0].prompt.id in prompts]


def _last(pairs: Sequence[Pair]) -> dict[tuple[str, str], Pair]:
    """Of every two samples, their ids in order, the pair of the latest round."""

    def keyed() -> Iterator[tuple[tuple[str, str], Pair]]:
        for pair in pairs:
            one, other = sorted((pair.chosen, pair.rejected))
            yield (one, other), pair

    return dict(keyed())
