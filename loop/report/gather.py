"""Reading a report's facts from the store alone, for a run in any state.

What is missing (a round without labels, a run that was stopped half-way, a run without a single round) is settled here,
once. Of the answers only lengths and ten examples are kept, and verdicts stream by: a report of a large run stays
small.
"""

from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import fmean

from judge.interval import Interval
from judge.ranks.standing import standing_labels
from loop.report.calibration import Bin, confidence_bins
from loop.report.facts import Example, Facts, Lengths, ScorePoint
from loop.standings import last_league
from loop.summary import RunSummary, summarise
from review.charts import Series
from review.drift import drift_series
from review.estimates.audit import audit
from review.rounds import RoundSummary
from store.records import Decision, Purpose
from store.run import RunStore

EXAMPLES = 10
ROUNDS_OF_LENGTHS = 12
"""Length distributions are drawn for the last so many rounds."""
VERSIONS_OF = ("rlaif", "torch", "transformers", "trl")


def gather(store: RunStore, folder: Path, rounds_wanted: int | None = None) -> Facts:
    """Read the facts of a run; `folder` is where its files are, `rounds_wanted` as in `summarise`."""
    summary = summarise(store, folder, rounds_wanted)
    decisions = [d for d in store.decisions() if d.kind != "rollback"]
    checkpoints = {c.id: c for c in store.checkpoints()}
    initial = next((c.id for c in checkpoints.values() if c.round == 0), None)
    indices = [r.index for r in summary.rounds]
    calibration, judges, labels = _verdicts_against_labels(store, indices)
    decided = [r for r in summary.rounds if r.decision is not None]
    return Facts(
        summary=summary,
        decisions=tuple(decisions),
        shipped=checkpoints.get(summary.policy),
        evidence=store.record.config.get("gate", {}).get("evidence", "labels"),
        judge_win_rates=[(r.index, r.judge_win_rate) for r in decided if r.judge_win_rate],
        corrected_win_rates=[(r.index, r.corrected_win_rate) for r in decided if r.corrected_win_rate],
        agreements=_agreements(decided),
        audits=tuple(found for index in indices if (found := audit(store, index)).drawn),
        shadow_agreements=[
            (r.index, r.shadow.agreement) for r in summary.rounds if r.shadow and r.shadow.agreement
        ],
        league=last_league(store),
        calibration=calibration,
        drift=drift_series(decisions),
        lengths=_lengths(store, decisions, initial),
        scores=_scores(decided, decisions),
        examples=_examples(store, decisions, initial, summary.policy),
        labels=labels,
        provenance=_provenance(store, summary, judges),
    )


def _agreements(rounds: Sequence[RoundSummary]) -> Series:
    return [
        (r.index, Interval(value=a.agreement, low=a.low, high=a.high))
        for r in rounds
        if (a := r.audit).agreement is not None and a.low is not None and a.high is not None
    ]


def _verdicts_against_labels(
    store: RunStore, indices: Sequence[int]
) -> tuple[dict[Purpose, list[Bin]], list[str], int]:
    """The calibration of each purpose, the judges' names, and how many labels there are."""
    judges: dict[str, None] = {}
    calibration: dict[Purpose, list[Bin]] = {}
    count = 0
    purposes: tuple[Purpose, ...] = ("train", "gate")
    for purpose in purposes:
        pairs = []
        for index in indices:
            labels = list(store.labels(index, purpose))
            count += len(labels)
            blind = store.labels(index, purpose, blind=True)
            standing = standing_labels(label for label in blind if label.lane == "random")
            for verdict in store.verdicts(index, purpose):
                judges[verdict.judge] = None
                people = standing.get(verdict.comparison_id)
                if people is not None and verdict.p_first is not None:
                    pairs.append((verdict.p_first, people))
        calibration[purpose] = confidence_bins(pairs)
    return calibration, list(judges), count


def _lengths(store: RunStore, decisions: Sequence[Decision], initial: str | None) -> list[Lengths]:
    compared = [d for d in decisions if d.candidate is not None]
    before = _tokens(store, compared[0].round, initial) if compared else ()
    return [
        Lengths(d.round, before, _tokens(store, d.round, d.incumbent), _tokens(store, d.round, d.candidate))
        for d in compared[-ROUNDS_OF_LENGTHS:]
    ]


def _tokens(store: RunStore, index: int, policy: str | None) -> tuple[int, ...]:
    return tuple(s.tokens for s in store.samples(index, "gate", policy)) if policy is not None else ()


def _scores(rounds: Sequence[RoundSummary], decisions: Sequence[Decision]) -> list[ScorePoint]:
    """A policy that stands in several gates is scored on other answers in each; its mean is drawn everywhere."""
    decided = {d.round: d for d in decisions}
    scored = [(decided[r.index], r.true_score) for r in rounds if r.true_score and r.index in decided]
    measured: dict[str | None, list[float]] = {}
    for decision, score in scored:
        measured.setdefault(decision.incumbent, []).append(score.incumbent)
        measured.setdefault(decision.candidate, []).append(score.candidate)
    points: list[ScorePoint] = []
    judge_only = None
    for decision, _ in scored:
        before, candidate = fmean(measured[decision.incumbent]), fmean(measured[decision.candidate])
        judge_only = (
            candidate if decision.judge_only == "promote" else before if judge_only is None else judge_only
        )
        promoted = decision.kind == "promote"
        shipped = candidate if promoted else before
        points.append(ScorePoint(decision.round, before, candidate, promoted, shipped, judge_only))
    return points


def _examples(
    store: RunStore, decisions: Sequence[Decision], initial: str | None, shipped: str
) -> list[Example]:
    """Held-out prompts drawn by the hash of their ids: the same ones always, whatever the answers are like."""
    before = _answers(store, decisions, initial)
    after = _answers(store, decisions, shipped) if shipped != initial else None
    ids = sorted(
        (id for id in before if after is None or id in after), key=lambda id: sha256(id.encode()).digest()
    )
    examples = []
    for prompt in map(store.prompt, ids[:EXAMPLES]):
        messages = prompt.messages
        then = None if after is None else after[prompt.id]
        examples.append(Example(prompt.text, len(messages), before[prompt.id], then))
    return examples


def _answers(store: RunStore, decisions: Sequence[Decision], policy: str | None) -> dict[str, str]:
    """What `policy` said to each held-out prompt in the last gate it stood in."""
    for decision in reversed(decisions):
        if policy is not None and policy in (decision.candidate, decision.incumbent):
            return {s.prompt_id: s.text for s in store.samples(decision.round, "gate", policy)}
    return {}


def _provenance(store: RunStore, summary: RunSummary, judges: Sequence[str]) -> list[tuple[str, str]]:
    run = store.record
    judge = run.config.get("judge", {})
    return [
        ("Run", run.name),
        ("Begun", f"{run.created_at:%Y-%m-%d %H:%M} UTC"),
        ("Seed", str(run.seed)),
        ("Configuration", run.config_hash),
        ("Policy", str(run.config.get("policy", {}).get("model", "unknown"))),
        ("Prompts", f"{run.config.get('prompts', {}).get('source', 'unknown')}: {summary.prompts.sentence}"),
        ("Device", run.device or "unknown"),
        ("Judge", ", ".join(judges) or str(judge.get("kind", "unknown"))),
        ("Constitution", str(judge.get("constitution", "unknown"))),
        ("Judge template", str(judge.get("template", "unknown"))),
        *([("Judge paid for", summary.judge_cost.sentence)] if summary.judge_cost.calls else []),
        ("Report made with", ", ".join(filter(None, map(_versioned, VERSIONS_OF)))),
    ]


def _versioned(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:  # a checkout that is used without being installed
        return ""
