"""A reviewer that answers from an answer key: a rehearsal of people, and called simulated wherever it shows.

It makes mistakes at a stated rate, drawn by the comparison and the seed, so that the same queue gets the same labels in
every repetition of a run, a resumed one included; asked again about a comparison, it errs anew. It answers each item
once: further reviewers of an item are people.
"""

from collections.abc import Callable, Iterable

from prompts.hashing import derive_seed
from prompts.prompt import Prompt
from store.records import Comparison, Label, LabelValue, ReviewItem
from store.run import RunStore

SIMULATED = "simulated"
"""The reviewer's name. No person may use it."""


class SimulatedReviewer:
    """Prefers the answer with the higher true score, wrong at `error_rate`; equal scores are the same.

    `true_score(prompt, answer)` is the key; only the order of scores counts. An error is the opposite answer, and
    for equal scores either side.
    """

    def __init__(self, true_score: Callable[[Prompt, str], float], error_rate: float, seed: int) -> None:
        self._true_score = true_score
        self._error_rate = error_rate
        self._seed = seed

    def label(self, item: ReviewItem, comparison: Comparison) -> Label:
        """The label of one item: a function of the item, the key, the error rate and the seed."""
        return Label(
            item_id=item.id,
            comparison_id=comparison.id,
            value=self._value(item, comparison),
            reviewer=SIMULATED,
            lane=item.lane,
            inclusion_probability=item.inclusion_probability,
        )

    def answer(self, store: RunStore, items: Iterable[ReviewItem]) -> int:
        """Label all of these items; how many labels were new."""
        return sum(store.add_label(self.label(item, store.comparison(item.comparison_id))) for item in items)

    def _value(self, item: ReviewItem, comparison: Comparison) -> LabelValue:
        first = self._true_score(comparison.prompt, comparison.first.text)
        second = self._true_score(comparison.prompt, comparison.second.text)
        again = () if item.repeat_of is None else ("again",)
        wrong = self._draw("error", comparison.id, *again) < self._error_rate
        if first == second:
            if not wrong:
                return "same"
            return "better" if self._draw("side", comparison.id, *again) < 0.5 else "worse"
        return "better" if (first > second) != wrong else "worse"

    def _draw(self, *about: str) -> float:
        """A number in [0, 1) that depends on the seed and on what it is about."""
        return derive_seed(self._seed, SIMULATED, *about) / 2**63
