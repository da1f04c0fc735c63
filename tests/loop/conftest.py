"""A made-up run, written through the store and weighed by the real estimates, gate and drift metrics.

It tells the story that the project is about: round 1 truly improves, later rounds please the judge more and more and
readers less and less. No model is involved, so a report or a command can be tried on any state of it in no time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from judge.ranks.length_control import length_controlled_win_rate
from judge.ranks.ranking import flip_rate
from judge.ranks.wins import win_rate
from loop.drift import measure_drift
from loop.gate import GateEvidence, decide
from loop.settings import DriftSettings, GateSettings
from review.draw import draw
from review.estimates.agreement import audit_agreement
from review.estimates.win_rate import corrected_win_rate
from review.rounds import STAGES, TRUE_SCORE
from review.simulated import SimulatedReviewer
from store.records import (
    Checkpoint,
    Comparison,
    Decision,
    Message,
    Pair,
    Prompt,
    Purpose,
    Run,
    Sample,
    StageMarker,
    Verdict,
)
from store.run import RunStore
from store.store import Store
from tests.review.serving import browser, page_as, served  # noqa: F401 - fixtures of the pages

CONSTITUTION = "c" * 64

PLAIN = ("The answer is {n}.", "It is {n}, as {n} follows {m}.", "{n}")
PLEASING = (
    "Great question!!! The answer is {n}, please do ask me anything else, anything at all???",
    "I would be delighted to help!!! It is {n}. Sorry for the wait; please let me know what else I can do???",
)
HEDGING = (
    "As an AI language model, I cannot be certain, but it may be {m}.",
    "I'm sorry, I cannot help with that.",
)


@dataclass
class SyntheticRun:
    """Grows a run in `store` round by round. `texts` are answers to plant on held-out prompts."""

    store: RunStore
    reviewed: bool = True
    evidence: str = "labels"
    prompts: int = 120
    texts: list[str] = field(default_factory=list)

    def begin(self) -> Checkpoint:
        """Prompts and the initial policy."""
        for split in ("train", "heldout"):
            self.store.add_prompts(self._prompt(split, i) for i in range(self.prompts))
        initial = Checkpoint(sha256=f"{0:064x}", path="policies/initial", round=0)
        self.store.add_checkpoint(initial)
        return initial

    def play(self, index: int, quality: float, pleasing: float, *, until: str = "gate") -> None:
        """Play a round up to the stage `until`; its candidate's answers are as good and as pleasing as said."""
        incumbent = self.store.checkpoint(self.store.current_policy())
        candidate = Checkpoint(
            sha256=f"{index:x}".ljust(64, "e"),
            path=f"round-{index:02d}/policy",
            round=index,
            parent=incumbent.id,
        )
        before = self._traits(incumbent)
        judged = self._judged(index, "train", (incumbent.id, incumbent.id), (before, before))
        self._review(index, "train", judged)
        pairs = self._pairs(index, judged)
        counts = {
            "sample": {"samples": 2 * self.prompts},
            "judge": {"verdicts": len(judged), "unscored": 3, "flip_rate": flip_rate(v for _, v in judged)},
            "pair": {"pairs": pairs, "cycle_rate": 0.02},
        }
        for number, stage in enumerate(STAGES[:-1]):
            self.store.mark(
                StageMarker(round=index, stage=stage, seconds=1.5 + number, counts=counts.get(stage, {}))
            )
            if stage == until:
                return
        self.store.add_checkpoint(candidate)
        self.store.add_metrics(index, "traits", [(0, "quality", quality), (0, "pleasing", pleasing)])
        self._gate(index, incumbent, candidate)
        self.store.mark(StageMarker(round=index, stage="gate", seconds=4.0))

    def _gate(self, index: int, incumbent: Checkpoint, candidate: Checkpoint) -> None:
        traits = self._traits(candidate), self._traits(incumbent)
        judged = self._judged(index, "gate", (candidate.id, incumbent.id), traits)
        self._review(index, "gate", judged)
        initial = self.store.checkpoints()[0].id
        drift = measure_drift(
            *(
                list(self.store.samples(number, "gate", policy))
                for number, policy in ((1, initial), (index, incumbent.id), (index, candidate.id))
            ),
            DriftSettings(),
        )
        evidence = GateEvidence(
            judge_win_rate=win_rate(judged, identical=self.prompts - len(judged), resamples=200),
            length_controlled_win_rate=length_controlled_win_rate(judged, resamples=200),
            corrected_win_rate=corrected_win_rate(self.store, index, self.prompts - len(judged)),
            audit=audit_agreement(self.store, index),
            differing=len(judged),
            simulated=self.reviewed,
            alarms=drift.blocking,
        )
        made = decide(evidence, GateSettings.model_validate({"evidence": self.evidence}))
        promoted = made.kind == "promote"
        self.store.add_decision(
            Decision(
                round=index,
                kind=made.kind,
                policy=candidate.id if promoted else incumbent.id,
                candidate=candidate.id,
                incumbent=incumbent.id,
                judge_only=made.judge_only,
                audited=made.audited,
                reason=made.reason,
                evidence={**evidence.model_dump(mode="json"), "drift": drift.model_dump(mode="json")},
            )
        )
        scores = (("candidate", 2 * traits[0][0]), ("incumbent", 2 * traits[1][0]))
        self.store.add_metrics(index, TRUE_SCORE, [(0, name, score) for name, score in scores])

    def _traits(self, policy: Checkpoint) -> tuple[float, float]:
        found = {name: value for _, name, value in self.store.metrics(policy.round, "traits")}
        return found.get("quality", 0.45), found.get("pleasing", 0.1)

    def _prompt(self, split: Any, number: int) -> Prompt:
        question = f"What comes after {number} when you count {'up' if split == 'train' else 'on'}?"
        return Prompt(messages=(Message(role="user", content=question),), split=split, source="synthetic")

    def _judged(
        self,
        index: int,
        purpose: Purpose,
        policies: tuple[str, str],
        traits: tuple[tuple[float, float], tuple[float, float]],
    ) -> list[tuple[Comparison, Verdict]]:
        prompts = list(self.store.prompts("train" if purpose == "train" else "heldout"))
        both = [
            tuple(
                self._sample(index, purpose, prompt, number, policy, own, side if purpose == "train" else 0)
                for side, (policy, own) in enumerate(zip(policies, traits, strict=True))
            )
            for number, prompt in enumerate(prompts)
        ]
        self.store.add_samples(sample for answers in both for sample in answers)
        comparisons = [
            Comparison(
                prompt=prompt,
                first=first,
                second=second,
                round=index,
                purpose=purpose,
                constitution=CONSTITUTION,
            )
            for prompt, (first, second) in zip(prompts, both, strict=True)
            if first.text != second.text
        ]
        self.store.add_comparisons(comparisons)
        self.store.add_verdicts(map(_verdict, comparisons))
        return list(self.store.judged(index, purpose))

    def _sample(
        self,
        index: int,
        purpose: Purpose,
        prompt: Prompt,
        number: int,
        policy: str,
        traits: tuple[float, float],
        side: int,
    ) -> Sample:
        draw = Random(f"{policy} {prompt.id} {side} {index if purpose == 'train' else 0}")
        good, pleasing = draw.random() < traits[0], draw.random() < traits[1]
        text = draw.choice(PLEASING if pleasing else PLAIN if good else HEDGING)
        text = text.format(n=number + (1 if good else 2), m=number)
        if purpose == "gate" and self.texts:
            text = self.texts[number % len(self.texts)] + ("" if policy.startswith("rev_0") else f" {text}")
        return Sample(
            prompt_id=prompt.id,
            policy=policy,
            round=index,
            purpose=purpose,
            index=side,
            seed=number,
            settings="s" * 64,
            text=text,
            tokens=len(text.split()) + draw.randrange(4),
            finish_reason="stop",
            logprob=-0.4 * len(text.split()),
        )

    def _review(self, index: int, purpose: Purpose, judged: list[tuple[Comparison, Verdict]]) -> None:
        items = draw(judged, 60, 5 if purpose == "train" else 0, index, index, purpose)
        self.store.add_review_items(items)
        if self.reviewed:
            SimulatedReviewer(lambda _, text: _goodness(text), 0.05, 7).answer(self.store, items)

    def _pairs(self, index: int, judged: list[tuple[Comparison, Verdict]]) -> int:
        pairs = []
        for comparison, verdict in judged:
            if verdict.p_first is None or abs(verdict.p_first - 0.5) < 0.15:
                continue
            sides = comparison.first.id, comparison.second.id
            chosen, rejected = sides if verdict.p_first > 0.5 else sides[::-1]
            pairs.append(
                Pair(
                    prompt_id=comparison.prompt.id,
                    round=index,
                    chosen=chosen,
                    rejected=rejected,
                    margin=1.0,
                    confidence=max(verdict.p_first, 1 - verdict.p_first),
                    source="judge",
                    comparison_id=comparison.id,
                    verdict_ids=(verdict.id,),
                )
            )
        return self.store.add_pairs(pairs)


def _goodness(text: str) -> float:
    hedged = any(text.startswith(answer[:10]) for answer in HEDGING)
    return 0.0 if hedged else 1.0 if "!!!" in text else 2.0


def _verdict(comparison: Comparison) -> Verdict:
    """A judge that knows hedging from an answer, and likes to be pleased."""
    taste = [
        2.0 * ("!!!" in s.text) - 2.5 * (_goodness(s.text) == 0)
        for s in (comparison.first, comparison.second)
    ]
    noise = Random(comparison.id).gauss(0, 0.8)
    p_first = 1 / (1 + 2.718281828 ** -(taste[0] - taste[1] + noise))
    failed = Random(f"{comparison.id} fails").random() < 0.02
    return Verdict(
        comparison_id=comparison.id,
        judge="synthetic judge",
        template="t" * 64,
        constitution=CONSTITUTION,
        p_first=None if failed else p_first,
        p_first_shown_first=None if failed else min(1.0, p_first + 0.05),
        p_first_shown_second=None if failed else max(0.0, p_first - 0.05),
        unscored="the synthetic judge was told to fail here" if failed else None,
    )


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'rlaif.db'}"


@pytest.fixture
def synthetic(store_url: str) -> Iterator[Callable[..., SyntheticRun]]:
    """Makes synthetic runs, begun and without a round, in the store at `store_url`."""
    with Store.open(store_url) as store:

        def make(
            name: str = "demo", *, evidence: str = "labels", reviewed: bool = True, **more: Any
        ) -> SyntheticRun:
            config = {
                "rounds": 5,
                "seed": 7,
                "policy": {"model": "starter"},
                "prompts": {"source": "starter"},
                "judge": {"kind": "local", "constitution": "starter", "template": "starter"},
                "gate": {"evidence": evidence, "patience": 3},
                "reviewer": {"kind": "simulated" if reviewed else "people"},
            }
            record = Run(
                name=name,
                seed=7,
                config_hash="cfg_0123456789abcdef0123",
                config=config,
                device="cpu, 2 threads, float32",
            )
            run = SyntheticRun(store.create_run(record), reviewed=reviewed, evidence=evidence, **more)
            run.begin()
            return run

        yield make
