"""Gather the evidence on a candidate and have the gate decide.

Both policies answer every held-out prompt once; the judge, which is never the candidate, compares what differs;
people label a random part of those comparisons; drift is measured on the same answers. `loop.gate` weighs it.
"""

import numpy as np
from numpy.typing import NDArray

from judge.ranks.length_control import length_controlled_win_rate
from judge.ranks.ranking import flip_rate
from judge.ranks.wins import win_rate
from loop.answering import answer
from loop.context import RunContext
from loop.drift import DriftReport, divergence, measure_drift
from loop.gate import GateEvidence, decide
from loop.judging import judge_all
from loop.spot_check import ask_people
from policy.scorer import PolicyScorer
from prompts.hashing import derive_seed
from review.estimates.agreement import audit_agreement
from review.estimates.win_rate import corrected_win_rate
from review.settings import SpotCheckSettings
from store.records import Checkpoint, Comparison, Decision

KL_ANSWERS = 256
"""Answers that the KL estimates stand on."""


def weigh(
    run: RunContext, index: int, incumbent: Checkpoint, candidate: Checkpoint | None, title: str
) -> Decision:
    """The decision on `candidate` (None: training made none) against `incumbent`, with its evidence."""
    if candidate is None:
        reason = "No pair passed the thresholds, so there was nothing to train on: kept the incumbent."
        return Decision(
            round=index,
            kind="keep",
            policy=incumbent.id,
            incumbent=incumbent.id,
            judge_only="keep",
            reason=reason,
        )
    heldout = run.prompts.heldout
    answer(run, incumbent, heldout, 1, index, "gate", f"{title}, incumbent")
    answer(run, candidate, heldout, 1, index, "gate", f"{title}, candidate")
    identical = _compare(run, index, incumbent, candidate)
    judge_all(run, incumbent, index, "gate", f"{title}, judge")
    judged = list(run.store.judged(index, "gate"))
    if run.config.gate.evidence == "labels":
        # A simple random sample, whatever the audit's is: the corrected win rate stands on equal probabilities.
        shared = run.config.spot_check
        queue = SpotCheckSettings(
            random=run.config.gate.labels,
            wait=run.config.gate.wait,
            overlap=shared.overlap,
            overlap_share=shared.overlap_share,
        )
        ask_people(run, judged, queue, index, "gate", f"{title}, labels")
    drift = _drift(run, index, incumbent, candidate, title)
    evidence = GateEvidence(
        judge_win_rate=win_rate(
            judged,
            identical=identical,
            resamples=run.config.gate.bootstrap,
            seed=derive_seed(run.config.seed, index, "bootstrap"),
        ),
        length_controlled_win_rate=length_controlled_win_rate(
            judged,
            identical=identical,
            resamples=run.config.gate.bootstrap,
            seed=derive_seed(run.config.seed, index, "bootstrap, length"),
        ),
        corrected_win_rate=corrected_win_rate(run.store, index, identical, run.config.gate.confidence),
        audit=audit_agreement(run.store, index),
        differing=len(judged),
        simulated=run.reviewer is not None,
        alarms=drift.blocking,
    )
    made = decide(evidence, run.config.gate)
    return Decision(
        round=index,
        kind=made.kind,
        policy=candidate.id if made.kind == "promote" else incumbent.id,
        candidate=candidate.id,
        incumbent=incumbent.id,
        judge_only=made.judge_only,
        audited=made.audited,
        reason=made.reason,
        evidence={
            **evidence.model_dump(mode="json"),
            "alarms": list(drift.alarms),
            "blocking": list(drift.blocking),
            "drift": drift.model_dump(mode="json"),
            "identical": identical,
            "gate_flip_rate": flip_rate(verdict for _, verdict in judged),
        },
    )


def _compare(run: RunContext, index: int, incumbent: Checkpoint, candidate: Checkpoint) -> int:
    """Store a comparison for every held-out prompt whose two answers differ; how many are identical."""
    theirs = {sample.prompt_id: sample for sample in run.store.samples(index, "gate", incumbent.id)}
    prompts = {prompt.id: prompt for prompt in run.prompts.heldout}
    comparisons = [
        Comparison(
            prompt=prompts[own.prompt_id],
            first=own,
            second=theirs[own.prompt_id],
            round=index,
            purpose="gate",
            constitution=run.constitution.hash,
        )
        for own in run.store.samples(index, "gate", candidate.id)
        if own.text != theirs[own.prompt_id].text
    ]
    run.store.add_comparisons(comparisons)
    return len(theirs) - len(comparisons)


def _drift(
    run: RunContext, index: int, incumbent: Checkpoint, candidate: Checkpoint, title: str
) -> DriftReport:
    """Drift on the held-out answers, with KL estimates from at most `KL_ANSWERS` of the candidate's."""
    heldout = run.prompts.heldout
    answer(run, run.initial, heldout, 1, 1, "gate", f"{title}, initial policy")
    drawn = list(run.store.samples(index, "gate", candidate.id))
    # An answer cut at the token limit has no end token of its own, and its likelihood would be another event's.
    ended = [sample for sample in drawn if sample.finish_reason == "stop"][:KL_ANSWERS]
    prompts = {prompt.id: prompt for prompt in heldout}

    def logprobs(policy: Checkpoint) -> NDArray[np.float64]:
        chats = [prompts[sample.prompt_id].messages for sample in ended]
        texts = [sample.text for sample in ended]
        return PolicyScorer(run.load(policy)).answer_logprobs(chats, texts, run.config.sampler.batch_tokens)

    from_initial = from_last = None
    own = logprobs(candidate)
    # An answer can take more tokens when it is read than when it was drawn, and then not fit the context any more.
    read = np.isfinite(own)
    ended, own = [sample for sample, fits in zip(ended, read, strict=True) if fits], own[read]
    if ended:
        from_last = divergence(ended, own, logprobs(incumbent))
        from_initial = (
            from_last if incumbent.id == run.initial.id else divergence(ended, own, logprobs(run.initial))
        )
    return measure_drift(
        list(run.store.samples(1, "gate", run.initial.id)),
        list(run.store.samples(index, "gate", incumbent.id)),
        drawn,
        run.config.drift,
        kl_initial=from_initial,
        kl_last=from_last,
    )
