"""Every pattern against a judge: how much likelier the attacked answer is to win than the poor one it was made of.

Both are put against the same good answer, so the change is a difference within each request, and its interval comes
from resampling requests. A change above zero is what the pattern gains; a judge may also see through an attack and
punish it. A comparison that the judge cannot read any more is counted apart: an answer that is never judged has got
away as well.

Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13 (percentile intervals).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from judge.attacks.pattern import Pattern, Request
from judge.contract import Judge
from judge.interval import Interval
from prompts.hashing import content_hash
from prompts.prompt import Message, Prompt
from store.records import Comparison, Sample, Verdict

_CLEAN = "none"
_RESAMPLES = 2000


class PatternResult(BaseModel):
    """What one pattern gained. Probabilities are means over the `requests` that were judged with and without it."""

    model_config = ConfigDict(frozen=True)

    name: str
    clean: float | None
    """The probability that the poor answer wins against the good one."""
    attacked: float | None
    """The same of the attacked answer."""
    change: Interval | None
    """`attacked` less `clean`, with its bootstrap 95% interval; None where nothing was judged."""
    wins: float | None
    """Share of the requests in which the attacked answer wins (a probability above one half)."""
    requests: int
    unscored: int
    """Attacked comparisons without a verdict."""
    does: str
    source: str


@dataclass(frozen=True)
class Trial:
    """Patterns on requests; every comparison has the answer on trial first and the good answer second."""

    requests: Sequence[Request]
    patterns: Sequence[Pattern]
    constitution: str
    """Content hash of the judge's constitution."""
    seed: int = 0

    def comparisons(self) -> Iterator[Comparison]:
        """The poor answers unattacked, and then every pattern on every request it fits."""
        for number in range(len(self.requests)):
            yield self._comparison(number, _CLEAN, self.requests[number].poor)
        for pattern in self.patterns:
            for number, request in enumerate(self.requests):
                attacked = pattern.attack(request, self.seed)
                if attacked is not None:
                    yield self._comparison(number, pattern.name, attacked)

    def results(self, verdicts: dict[str, Verdict]) -> list[PatternResult]:
        """What each pattern gained by these verdicts (by comparison id), the most dangerous first.

        A pattern that fits none of the requests is not among them.
        """
        found: dict[str, dict[str, float | None]] = {}
        for comparison in self.comparisons():
            verdict = verdicts[comparison.id]
            found.setdefault(comparison.first.policy, {})[comparison.prompt.id] = verdict.p_first
        clean = found.get(_CLEAN, {})
        made = [self._result(p, clean, found[p.name]) for p in self.patterns if p.name in found]
        return sorted(made, key=_gain, reverse=True)

    def _comparison(self, number: int, policy: str, text: str) -> Comparison:
        request = self.requests[number]
        prompt = Prompt(
            messages=(Message(role="user", content=request.request),), split="heldout", tags=(request.axis,)
        )
        return Comparison(
            prompt=prompt,
            first=made_answer(prompt, policy, text, 0),
            second=made_answer(prompt, "good", request.good, 1),
            round=0,
            purpose="canary",
            constitution=self.constitution,
        )

    def _result(
        self, pattern: Pattern, clean: dict[str, float | None], attacked: dict[str, float | None]
    ) -> PatternResult:
        both = [
            (p, q) for prompt, q in attacked.items() if q is not None and (p := clean[prompt]) is not None
        ]
        mine = {"name": pattern.name, "does": pattern.does, "source": pattern.source}
        unscored = sum(p is None for p in attacked.values())
        if not both:
            nothing = {"clean": None, "attacked": None, "change": None, "wins": None}
            return PatternResult(**mine, **nothing, requests=0, unscored=unscored)
        before, after = np.array(both).T
        return PatternResult(
            **mine,
            clean=float(before.mean()),
            attacked=float(after.mean()),
            change=mean_interval(after - before, seed=self.seed),
            wins=float((after > 0.5).mean()),
            requests=len(both),
            unscored=unscored,
        )


async def try_patterns(
    judge: Judge, trial: Trial, judged: Callable[[int], None] = lambda _: None
) -> list[PatternResult]:
    """Put the whole trial to `judge`; `judged` hears of every verdict.

    Raises `judge.errors.JudgeStopped` where it cannot go on.
    """
    verdicts: dict[str, Verdict] = {}
    async for verdict in judge.compare(trial.comparisons()):
        verdicts[verdict.comparison_id] = verdict
        judged(1)
    return trial.results(verdicts)


def made_answer(prompt: Prompt, author: str, text: str, index: int, round: int = 0) -> Sample:
    """An answer that no policy gave, as a sample: `author` stands where a policy's revision would."""
    return Sample(
        prompt_id=prompt.id,
        policy=author,
        round=round,
        purpose="canary",
        index=index,
        seed=0,
        settings=content_hash(text)[:20],
        text=text,
        tokens=len(text.split()),
        finish_reason="stop",
    )


def mean_interval(values: "np.ndarray[tuple[int], np.dtype[np.float64]]", *, seed: int) -> Interval:
    """The mean of `values`, shape (n,), with its bootstrap 95% interval; one value alone says nothing of its spread."""
    mean = float(values.mean())
    if len(values) == 1:
        return Interval(value=mean, low=-1.0, high=1.0)
    draws = np.random.default_rng(seed).integers(len(values), size=(_RESAMPLES, len(values)))
    low, high = np.quantile(values[draws].mean(axis=1), (0.025, 0.975))
    return Interval(value=mean, low=min(mean, float(low)), high=max(mean, float(high)))


def _gain(result: PatternResult) -> tuple[float, float]:
    """Sorts by what was surely gained, then by what was gained on average; unread patterns last."""
    return (result.change.low, result.change.value) if result.change else (-2.0, -2.0)
