"""A judge that follows a rule: for tests, rehearsals and examples. No model, no network, no cost.

It ships with the package because whoever builds on the loop needs a judge whose answer is known.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Self

from judge.settings import ScriptedJudgeSettings
from prompts.hashing import content_hash, derive_seed
from store.records import Comparison, Verdict


class ScriptedJudge:
    """Prefers what it is told to prefer, in both presentation orders alike.

    `prefers` returns the probability in [0, 1] that the first sample is better, or None to leave the comparison
    unscored. `name` must change with what `prefers` does: verdicts are stored under it.
    """

    def __init__(self, prefers: Callable[[Comparison], float | None], *, name: str = "scripted") -> None:
        self._prefers = prefers
        self._name = name

    @classmethod
    def from_settings(cls, settings: ScriptedJudgeSettings) -> Self:
        """The judge that a configuration describes by rule, confidence and share of failures."""
        name = f"scripted:{settings.rule}:c{settings.confidence:g}:u{settings.unscored_share:g}"
        return cls(lambda comparison: _by_rule(settings, comparison), name=name)

    @property
    def name(self) -> str:
        return self._name

    async def compare(self, comparisons: Iterable[Comparison]) -> AsyncIterator[Verdict]:
        """One verdict for each comparison, in the order given."""
        for comparison in comparisons:
            p_first = self._prefers(comparison)
            yield Verdict(
                comparison_id=comparison.id,
                judge=self._name,
                template="",
                constitution=comparison.constitution,
                p_first=p_first,
                p_first_shown_first=p_first,
                p_first_shown_second=p_first,
                unscored="the script leaves this comparison unscored" if p_first is None else None,
            )


def _by_rule(settings: ScriptedJudgeSettings, comparison: Comparison) -> float | None:
    # By texts and not by ids, so that the same two answers fail in every run and whichever comes first.
    texts = sorted((comparison.first.text, comparison.second.text))
    if derive_seed("scripted unscored", comparison.prompt.id, *texts) / 2**63 < settings.unscored_share:
        return None
    first, second = (_rating(settings.rule, sample.text) for sample in (comparison.first, comparison.second))
    if first == second:
        return 0.5
    return settings.confidence if first > second else 1.0 - settings.confidence


def _rating(rule: str, text: str) -> int:
    match rule:
        case "shorter":
            return -len(text)
        case "longer":
            return len(text)
        case _:
            return int(content_hash(text), 16)
