"""One round, top to bottom: sample, try the judge, judge, spot-check, pair, train, gate.

Each stage can be run again after any crash: its units are keyed by content, those already in the store are
skipped, and its marker is written last. Units are made in fixed groups (shards of prompts, chunks of
comparisons), because floating-point results depend on the batch; so a resumed round gives the very same
pairs. What a stage counted travels in its marker, so the summary needs nothing but the store.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from judge.ranks.ranking import cycle_rate, flip_rate
from loop.answering import answer
from loop.canaries import try_canaries, watched
from loop.comparing import compare_answers
from loop.context import RunContext
from loop.evidence import weigh
from loop.gate_effects import decision_effects
from loop.pairing import pair_round, paired
from loop.pairs import write_pairs_file
from loop.shadow import shadow_round
from loop.spot_check import ask_people
from policy.contract import TrainJob
from prompts.hashing import derive_seed
from review.rounds import CANARIES
from store.records import Checkpoint, Comparison, StageMarker, Verdict


@dataclass(frozen=True)
class Round:
    """Round `index` (from 1) of a run; `incumbent` is the policy it starts from."""

    run: RunContext
    index: int
    incumbent: Checkpoint

    @property
    def folder(self) -> Path:
        return self.run.folder / f"round-{self.index:02d}"

    @property
    def pairs_file(self) -> Path:
        return self.folder / "pairs.jsonl"

    def title(self, stage: str) -> str:
        return f"round {self.index} · {stage}"

    def judged(self) -> list[tuple[Comparison, Verdict]]:
        return list(self.run.store.judged(self.index, "train"))

    def stage(self, name: str, work: "Callable[[Round], dict[str, Any]]") -> dict[str, Any]:
        """The counts of a finished stage: from its marker, or by running it now."""
        marker = self.run.store.marker(self.index, name)
        if marker is None:
            start = time.monotonic()
            counts = work(self)
            marker = StageMarker(
                round=self.index, stage=name, seconds=time.monotonic() - start, counts=counts
            )
            self.run.store.mark(marker)
        return marker.counts


def play_round(run: RunContext, index: int) -> None:
    """Play what is left of round `index`."""
    this = Round(run, index, run.incumbent(index))
    this.stage("sample", sample)
    if watched(run):
        this.stage(CANARIES, canaries)
    this.stage("judge", judge)
    this.stage("spot_check", spot_check)
    this.stage("pair", pair)
    this.stage("train", train)
    this.stage("gate", gate)


def sample(this: Round) -> dict[str, Any]:
    """k answers to every train prompt from the incumbent."""
    run = this.run
    answer(
        run,
        this.incumbent,
        run.prompts.train,
        run.config.sampler.k,
        this.index,
        "train",
        this.title("sample"),
    )
    samples = tokens = 0
    for drawn in run.store.samples(this.index, "train"):
        samples, tokens = samples + 1, tokens + drawn.tokens
    return {"samples": samples, "tokens": tokens}


def canaries(this: Round) -> dict[str, Any]:
    """The judge tried with answers that must not win; a judge that prefers nothing to something stops the run."""
    return try_canaries(this.run, this.incumbent, this.index, this.title(CANARIES))


def judge(this: Round) -> dict[str, Any]:
    """A prompt's different answers compared, every two or by a tournament, each in both presentation orders."""
    compare_answers(this.run, this.incumbent, this.index, this.title("judge"))
    verdicts = list(this.run.store.verdicts(this.index, "train"))
    reasons = Counter(verdict.unscored for verdict in verdicts if verdict.unscored is not None)
    if reasons:
        reason, count = reasons.most_common(1)[0]
        said = f"{reasons.total()} of {len(verdicts)} unscored, {count} because {reason}"
        this.run.progress.say(f"{this.title('judge')}: {said}")
    shadow = shadow_round(this.run, this.incumbent, this.index, this.title("judge, shadow"))
    return {
        "verdicts": len(verdicts),
        "unscored": reasons.total(),
        "flip_rate": flip_rate(verdicts),
        **shadow,
    }


def spot_check(this: Round) -> dict[str, Any]:
    """People see a random part of the comparisons behind this round's pairs, and some that the judge doubts."""
    judged = this.judged()
    provisional = paired(this.run, this.index, judged, [])[1]
    behind = {made.comparison_id for made in provisional.pairs}
    return ask_people(
        this.run,
        [(comparison, verdict) for comparison, verdict in judged if comparison.id in behind],
        this.run.config.spot_check,
        this.index,
        "train",
        this.title("spot-check"),
    )


def pair(this: Round) -> dict[str, Any]:
    """Preferences and pairs, with people's labels in the place of the verdicts they overrule, and late ones' pairs."""
    store = this.run.store
    with this.run.progress.stage(this.title("pair"), None, "pairs") as bar:
        made = pair_round(this.run, this.index)
        store.add_preferences(made.preferences)
        store.add_pairs(made.pairs)
        bar.move_to(len(made.pairs), len(made.pairs))
    samples = {drawn.id: drawn for drawn in store.samples(this.index, "train")}
    samples.update(store.samples_of(pair for pair in made.pairs if pair.chosen not in samples))
    prompts = {prompt.id: prompt for prompt in this.run.prompts.train}
    pairs_sha256 = write_pairs_file(this.pairs_file, made.pairs, samples, prompts)
    return {
        "pairs": len(made.pairs),
        "human_pairs": sum(made_pair.source == "human" for made_pair in made.pairs),
        "late_pairs": made.late,
        "dropped": made.dropped,
        "cycle_rate": cycle_rate(made.preferences),
        "pairs_sha256": pairs_sha256,
    }


def train(this: Round) -> dict[str, Any]:
    """DPO from the incumbent, which is also the reference, in a fresh process."""
    run = this.run
    counts = this.stage("pair", pair)
    if counts["pairs"] == 0:
        run.progress.say(f"{this.title('train')}: no pairs, so there is nothing to train on")
        return {"candidate": None}
    run.shelf.clear()
    job = TrainJob(
        policy=run.config.policy,
        train=run.config.train,
        model_path=Path(this.incumbent.path),
        parent=this.incumbent.id,
        pairs_file=this.pairs_file,
        output_dir=this.folder / "candidate",
        metrics_file=this.folder / "train.jsonl",
        tensorboard_dir=run.folder / "tensorboard" / f"round-{this.index:02d}",
        round=this.index,
        seed=derive_seed(run.config.seed, this.index, "train") % 2**31,
    )
    with run.progress.stage(this.title("train"), None, "steps") as bar:
        trained = run.trainer.train(job, bar.move_to)
    run.store.add_checkpoint(trained.checkpoint)
    run.store.add_metrics(this.index, "train", trained.metrics)
    if over := trained.counts.get("over_length"):
        limit = f"train.max_length of {run.config.train.max_length} tokens"
        run.progress.say(f"{this.title('train')}: {over} of {counts['pairs']} pairs left out, over {limit}")
    return {"candidate": trained.checkpoint.id, **trained.counts}


def gate(this: Round) -> dict[str, Any]:
    """Candidate against incumbent on held-out prompts; then the one decision of the round."""
    run = this.run
    made = [d for d in run.store.decisions() if d.round == this.index and d.kind != "rollback"]
    if made:
        return {"decision": made[0].kind}
    revision = this.stage("train", train)["candidate"]
    candidate = run.store.checkpoint(revision) if revision else None
    decision = weigh(run, this.index, this.incumbent, candidate, this.title("gate"))
    run.store.add_decision(decision, decision_effects(run.store, decision))
    run.progress.say(f"{this.title('gate')}: {decision.reason}")
    return {"decision": decision.kind}
