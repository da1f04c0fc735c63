"""The report's sentences, said of a run in any state.

The sentence that matters comes first. Where the judge's word and the gate's decision part, the last such round is the
news, whatever came after it: it is what the gate is for. Otherwise it is the last round that was decided.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from judge.interval import Interval
from loop.report.facts import Facts
from review.estimates.sentence import audit_sentence
from review.rounds import RoundSummary

SIMULATED = "the simulated reviewer"


@dataclass(frozen=True)
class Words:
    """Sentences for the places of the page that are named like them."""

    state: str
    shipped: str
    reviewer: str
    whose_labels: str
    gate_rule: str
    agreement: str
    audit: str
    """Of the last decided round; empty where none is."""
    true_score: str
    examples: str
    after: str


def headline(rounds: Sequence[RoundSummary], *, simulated: bool) -> str:
    """The sentence that matters."""
    decided = [r for r in rounds if r.decision is not None]
    if not decided:
        where = f"Round {rounds[-1].index} is under way" if rounds else "The run has just begun"
        return f"{where}: no candidate has been weighed yet."
    parted = [r for r in decided if r.judge_only_decision != r.decision]
    news = (parted or decided)[-1]
    if news.judge_win_rate is None:
        return f"Round {news.index}: {news.reason}"
    outcome = "promoted" if news.decision == "promote" else "kept the incumbent"
    return f"Round {news.index}: {_judge(news.judge_win_rate)}, {_people(news, simulated)}: {outcome}."


def words(facts: Facts) -> Words:
    """The rest of what the page says."""
    simulated, decided = facts.summary.simulated_reviewer, facts.decided
    return Words(
        state=_state(facts),
        shipped=_shipped(facts),
        reviewer=SIMULATED.removeprefix("the ") if simulated else "people",
        whose_labels=f"the labels of {SIMULATED}" if simulated else "people’s labels",
        gate_rule=_gate_rule(facts),
        agreement=f"95% intervals{f'; the labels are those of {SIMULATED}' if simulated else ''}.",
        audit=_audit(facts),
        true_score=_true_score(facts),
        examples=_examples(facts, bool(decided)),
        after=f"Policy that ships ({_shipped(facts)})",
    )


def _audit(facts: Facts) -> str:
    if not facts.decided:
        return ""
    last = facts.decided[-1]
    return next((audit_sentence(one, last.decision) for one in facts.audits if one.round == last.index), "")


def under_way(round: RoundSummary) -> str:
    """What a round that is not decided has behind it."""
    done = ", ".join(round.seconds)
    return f"Under way; finished stages: {done}." if done else "Under way."


def _judge(rate: Interval) -> str:
    opinion = "called the candidate better"
    if rate.high < 0.5:
        opinion = "called the candidate worse"
    elif rate.low <= 0.5:
        opinion = "saw no clear difference"
    return f"the judge {opinion} ({rate.value:.2f}, 95% CI {rate.low:.2f}–{rate.high:.2f})"


def _people(news: RoundSummary, simulated: bool) -> str:
    if news.corrected_win_rate is None:
        said = "no label checked it"
    else:
        who = f" of {SIMULATED}" if simulated else ""
        labels = f"{news.gate_labels} label{'' if news.gate_labels == 1 else 's'}{who}"
        said = f"{labels} put it at {news.corrected_win_rate.value:.2f}"
    if not news.audited:
        said += " (unaudited)"
    return said + (
        f", and its answers drifted out of bounds ({', '.join(news.alarms).replace('_', ' ')})"
        if news.alarms
        else ""
    )


def _state(facts: Facts) -> str:
    summary, decided = facts.summary, facts.decided
    if not decided:
        return "The report fills as the run goes on; it can be written again at any time."
    gone = [r.index for r in decided if r.judge_only_decision == "promote" and r.decision == "keep"]
    parts = []
    if gone:
        parts.append(f"The judge’s word alone would also have shipped the candidate of {_which(gone)}.")
    unaudited = [r.index for r in decided if not r.audited and r.decision == "promote"]
    if unaudited:
        parts.append(f"The promotion of {_which(unaudited)} is unaudited: no label checked the judge.")
    parts.append(f"The run {'stopped' if summary.finished else 'is not finished'}: {summary.stopped}.")
    return " ".join(parts)


def _which(indices: Sequence[int]) -> str:
    """`round 3`, `rounds 2 and 5`, `rounds 2–4 and 6`."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    named = [str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs]
    listed = " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))
    return f"round{'s' if len(indices) > 1 else ''} {listed}"


def _shipped(facts: Facts) -> str:
    if facts.shipped is None:
        return "none yet"
    return "the initial policy" if facts.shipped.round == 0 else f"from round {facts.shipped.round}"


def _gate_rule(facts: Facts) -> str:
    if facts.evidence == "judge":
        return "This run’s gate goes by the judge’s word alone: its decisions are unaudited."
    return (
        "Bands are 95% intervals. The gate promotes when the corrected rate’s one-sided lower bound is above one "
        "half and no drift alarm is up."
    )


def _true_score(facts: Facts) -> str:
    if not facts.scores:
        return ""
    last, best = facts.scores[-1], max(max(p.incumbent, p.candidate) for p in facts.scores)
    said = f"What ships scores {last.shipped:.2f}; the best policy of the run scores {best:.2f}."
    if last.judge_only != last.shipped:
        said += f" The judge’s word alone would have shipped one at {last.judge_only:.2f}."
    return said


def _examples(facts: Facts, decided: bool) -> str:
    if not facts.examples:
        return "There are no held-out answers yet."
    drawn = f"{len(facts.examples)} held-out prompts, drawn by the hash of their ids and not by how the answers look."
    if facts.examples[0].after is None and decided:
        return f"{drawn} The initial policy is still the one that ships, so there is no “after”."
    return drawn
