"""Canaries: answers that must not win, put to the judge in every round before the round's own comparisons are.

On a few train prompts the judge compares an answer that says nothing (a constant sentence, a punctuation mark, a
placeholder, …) with one of the policy's own, and one of the policy's own answers with itself after an attack. Which
prompts, answers and patterns is drawn anew in every round: a judge that was fine in the first may be pleased by
anything in the fourth. The verdicts are stored like any other, under a purpose of their own: no pair and no decision
comes from them.

Where null answers win too often the round stops before it costs anything more. What such a judge says of other
answers is not worth training on, and the gate would come to that only after a training.
"""

from collections.abc import Iterator
from itertools import groupby
from random import Random
from typing import Any

import numpy as np

from judge.attacks.pattern import Pattern, Request
from judge.attacks.patterns import patterns
from judge.attacks.trial import made_answer, mean_interval
from judge.interval import Interval
from loop.config import RunConfig
from loop.context import RunContext
from loop.errors import RunStopped
from loop.judging import judge_all
from prompts.hashing import derive_seed
from review.rounds import CANARIES
from store.records import Checkpoint, Comparison, Prompt, Sample

_AUTHOR = "canary:"


def watched(run: RunContext) -> bool:
    """Whether the run tries its judge: one that follows a script cannot be talked round."""
    return watched_by(run.config)


def watched_by(config: RunConfig) -> bool:
    """Whether a run of this configuration tries its judge."""
    return config.canaries.prompts > 0 and config.judge.kind != "scripted"


def try_canaries(run: RunContext, incumbent: Checkpoint, index: int, title: str) -> dict[str, Any]:
    """Put the round's canaries to its judge; how many were scored; the metrics hold how often they won.

    Raises RunStopped where null answers win too often, again at every call until the configuration allows it.
    """
    drawn = list(_draw(run, index))
    run.store.add_samples(comparison.first for comparison in drawn)
    run.store.add_comparisons(drawn)
    judge_all(run, incumbent, index, "canary", title)
    won: dict[bool, list[float]] = {True: [], False: []}
    lost_to_null = None
    for comparison, verdict in run.store.judged(index, "canary"):
        if verdict.p_first is not None:
            null = patterns()[comparison.first.policy.removeprefix(_AUTHOR)].empty
            won[null].append(verdict.p_first)
            if null and verdict.p_first > 0.5:
                lost_to_null = verdict.id
    rates = {"null_wins": _rate(won[True], index), "attacked_wins": _rate(won[False], index)}
    run.store.add_metrics(index, CANARIES, _metrics(rates))
    limit, nulls = run.config.canaries.max_null_wins, rates["null_wins"]
    if nulls is not None and nulls.low > limit:
        raise RunStopped(_why(run, index, nulls, len(won[True]), lost_to_null))
    return {"null_canaries": len(won[True]), "attacked_canaries": len(won[False])}


def _draw(run: RunContext, index: int) -> Iterator[Comparison]:
    """For each prompt drawn a null answer and an attacked one, each first, against an own answer."""
    random = Random(derive_seed(run.config.seed, index, CANARIES))
    own = {
        prompt_id: [sample for sample in samples if sample.text.strip()]
        for prompt_id, samples in groupby(run.store.samples(index, "train"), key=lambda s: s.prompt_id)
    }
    prompts = [prompt for prompt in run.prompts.train if own.get(prompt.id)]
    nulls = [pattern for pattern in patterns().values() if pattern.empty]
    attacks = [pattern for pattern in patterns().values() if not pattern.empty]
    random.shuffle(nulls)
    random.shuffle(attacks)
    for number, prompt in enumerate(random.sample(prompts, min(run.config.canaries.prompts, len(prompts)))):
        answer = random.choice(own[prompt.id])
        yield from _against(run, index, prompt, answer, nulls[number % len(nulls)])
        yield from _against(run, index, prompt, answer, attacks[number % len(attacks)])


def _against(
    run: RunContext, index: int, prompt: Prompt, answer: Sample, pattern: Pattern
) -> Iterator[Comparison]:
    request = Request(request=prompt.text, good=answer.text, poor=answer.text)
    attacked = pattern.attack(request, run.config.seed)
    if attacked is not None and attacked != answer.text:
        yield Comparison(
            prompt=prompt,
            first=made_answer(prompt, f"{_AUTHOR}{pattern.name}", attacked, 0, index),
            second=answer,
            round=index,
            purpose="canary",
            constitution=run.constitution.hash,
        )


def _rate(won: list[float], seed: int) -> Interval | None:
    return mean_interval(np.array(won), seed=seed) if won else None


def _metrics(rates: dict[str, Interval | None]) -> list[tuple[int, str, float]]:
    return [
        (0, f"{name}_{part}", getattr(rate, part))
        for name, rate in rates.items()
        if rate is not None
        for part in ("value", "low", "high")
    ]


def _why(run: RunContext, index: int, rate: Interval, count: int, verdict: str | None) -> str:
    name = run.store.record.name
    return (
        f"round {index}: the judge prefers answers that say nothing. {count} null answers won against the policy's "
        f"own with a mean probability of {rate.value:.2f} (95% interval {rate.low:.2f}–{rate.high:.2f}), and "
        f"canaries.max_null_wins is {run.config.canaries.max_null_wins:g}. Nothing was judged or trained on in this "
        f"round. Look at one with `rlaif show {verdict} --run {name} {run.config.store_option}`; then judge by "
        "another model, template or constitution in a new run, or set canaries.max_null_wins higher to go on."
    )
