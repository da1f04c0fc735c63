"""Thousands of comparisons through the real judge while nearly a third of all that a server does is a fault."""

import asyncio
import math
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from judge import ApiJudge, ApiJudgeSettings
from judge.presentation import present
from judge.rehearsal.fault_plan import LASTING, PASSING, Draws, Fault, FaultPlan, draw_fault, evenly
from judge.rehearsal.planted_reply import planted_quality
from prompts.template import load_template
from store.records import Comparison, Message, Prompt, Sample, Verdict
from tests.judge.planted import GENERAL

SHARE = 0.3
REASONS: dict[Fault, str] = {
    "refusal": "refused to judge",
    "content_filter": "content filter",
    "too_long": "longer than the judge can read",
}


@contextmanager
def serving(plan: FaultPlan) -> Iterator[str]:
    """The server in a process of its own, as one that is not ours would be."""
    words = plan.model_dump(mode="json", exclude_defaults=True, exclude={"faults", "refuses"})
    command = [sys.executable, "-m", "judge.rehearsal.fault_server"]
    for name, value in words.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    command += ["--faults", ",".join(f"{fault}={share}" for fault, share in plan.faults.items())]
    if plan.refuses:
        command += ["--refuses", ",".join(plan.refuses)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def made(count: int) -> list[Comparison]:
    """Comparisons of answers whose quality is a draw from their text."""

    def sample(prompt: Prompt, index: int, text: str) -> Sample:
        words = {"policy": "rev", "round": 1, "purpose": "train", "settings": "s", "finish_reason": "stop"}
        return Sample(prompt_id=prompt.id, index=index, seed=index, text=text, tokens=3, **words)

    comparisons = []
    for number in range(count):
        prompt = Prompt(messages=(Message(role="user", content=f"Question {number}?"),), split="train")
        first, second = (sample(prompt, n, f"answer {n} to question {number}") for n in range(2))
        comparisons.append(
            Comparison(
                prompt=prompt, first=first, second=second, round=1, purpose="train", constitution=GENERAL.hash
            )
        )
    return comparisons


@dataclass(frozen=True)
class Outcome:
    """Verdicts in the order they came, and what the server says it did."""

    verdicts: list[Verdict]
    done: dict[str, int]
    seconds: float


def judged(plan: FaultPlan, comparisons: list[Comparison], template: str, **settings: Any) -> Outcome:
    with serving(plan) as url:
        asked = {"timeout_s": 2.0, "deadline_s": 120.0, "concurrency": 256, "attempts": 8} | settings
        judge = ApiJudge(
            ApiJudgeSettings(base_url=url, model=plan.model, template=template, **asked),
            load_template(template),
            GENERAL,
        )

        async def collect() -> list[Verdict]:
            return [verdict async for verdict in judge.compare(comparisons)]

        started = time.perf_counter()
        verdicts = asyncio.run(collect())
        seconds = time.perf_counter() - started
        done = httpx.get(f"{url.removesuffix('/v1')}/stats", trust_env=False).json()["done"]
    return Outcome(verdicts, done, seconds)


def lasting_fault(plan: FaultPlan, comparison: Comparison, template: str) -> Fault | None:
    """The fault that no repetition mends, in the first of the two orders that has one."""
    for presentation in present(comparison, load_template(template), GENERAL):
        said = "\n".join(f"{message.role}:\n{message.content}" for message in presentation.messages)
        chat = Draws(plan.seed, said.encode())
        never = Draws(plan.seed, b"")
        only_lasting = plan.model_copy(
            update={"faults": {k: v for k, v in plan.faults.items() if k in LASTING}}
        )
        if fault := draw_fault(only_lasting, chat, never):
            return fault
    return None


def logit(p: float) -> float:
    return math.log(p / (1.0 - p))


def require_each_once(outcome: Outcome, comparisons: list[Comparison]) -> dict[str, Verdict]:
    """Every comparison has one verdict: none is lost, none comes twice."""
    by_comparison = {verdict.comparison_id: verdict for verdict in outcome.verdicts}
    assert len(outcome.verdicts) == len(by_comparison) == len(comparisons)
    assert set(by_comparison) == {comparison.id for comparison in comparisons}
    return by_comparison


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_five_thousand_comparisons_through_thirty_percent_faults() -> None:
    plan = FaultPlan(
        seed=11,
        faults=evenly(SHARE),
        strength=1.0,
        position_bias=0.8,
        label_mass=0.999,  # the labels are always among the twenty likeliest tokens
        retry_after=0.05,
        stall=0.5,
    )
    comparisons = made(5000)
    outcome = judged(plan, comparisons, "pairwise")
    verdicts = require_each_once(outcome, comparisons)

    # What cannot be judged is unscored for the very reason that was planted, and hardly anything else is.
    unlucky = 0
    for comparison in comparisons:
        verdict = verdicts[comparison.id]
        fault = lasting_fault(plan, comparison, "pairwise")
        if fault is not None:
            assert verdict.unscored is not None
            unlucky += REASONS[fault] not in verdict.unscored
        elif verdict.unscored is not None:
            unlucky += 1
            # A reply that could not be read was sent back, and that chat is another with faults of its own.
            reasons = "|".join(
                ("unreadable reply, twice", "no answer", "HTTP", "completion", *REASONS.values())
            )
            assert re.search(reasons, verdict.unscored)
    assert unlucky <= len(comparisons) // 100

    # What was judged says what was planted: both orders cancel the position bias exactly.
    scored = [comparison for comparison in comparisons if verdicts[comparison.id].p_first is not None]
    assert len(scored) > 0.8 * len(comparisons)
    for comparison in scored:
        verdict = verdicts[comparison.id]
        quality = planted_quality(comparison.first.text) - planted_quality(comparison.second.text)
        assert logit(verdict.p_first) == pytest.approx(quality, abs=1e-6)
        assert logit(verdict.p_first_shown_first) == pytest.approx(quality + 0.8, abs=1e-6)
        assert verdict.label_mass == pytest.approx(0.999)

    # Every kind of fault was met, and nothing was asked again that had been answered.
    assert {fault for fault in (*PASSING, *LASTING) if outcome.done.get(fault, 0) >= 20} == {
        *PASSING,
        *LASTING,
    }
    heard = sum(verdict.usage.calls for verdict in outcome.verdicts)
    given = sum(outcome.done[kind] for kind in ("answered", "unreadable", "refusal"))
    assert 0.99 * given <= heard <= given + outcome.done["content_filter"]


def test_votes_through_faults_follow_the_planted_quality() -> None:
    """Without log-probabilities and in JSON: sixty comparisons, three votes an order."""
    plan = FaultPlan(
        seed=5,
        faults=evenly(SHARE),
        strength=3.0,
        retry_after=0.02,
        stall=30.0,
        refuses=frozenset({"logprobs"}),
    )
    comparisons = made(60)
    outcome = judged(
        plan, comparisons, "pairwise_json", votes=3, temperature=1.0, timeout_s=1.0, concurrency=64
    )
    verdicts = require_each_once(outcome, comparisons)
    agreed: Counter[bool] = Counter()
    for comparison in comparisons:
        p_first = verdicts[comparison.id].p_first
        quality = planted_quality(comparison.first.text) - planted_quality(comparison.second.text)
        if p_first is not None and abs(quality) > 1.0:
            agreed[(p_first > 0.5) == (quality > 0.0)] += 1
    assert agreed[True] > 12
    assert agreed[True] > 9 * agreed[False]
