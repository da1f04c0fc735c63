"""Tables for the terminal: the rounds of a run, the runs of a store, the revisions of a policy.

Names, reasons and devices come from files and models, so every cell is `rich.text.Text`, which is never parsed for
markup, and control characters are shown by their code point.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from judge.interval import Interval
from loop.standings import RunLeague
from loop.summary import RunSummary
from review.rounds import RoundSummary
from review.visible import one_line, visible
from store.records import Checkpoint, Decision

_STYLES = {"promote": "green", "keep": "yellow"}


def rounds_table(summary: RunSummary) -> Table:
    """A row a round: what the judge said, what labels said, what was decided. Fits 80 columns."""
    scored = any(r.true_score for r in summary.rounds)
    columns = (
        "round",
        "samples",
        "pairs",
        "judge’s\nwin rate",
        "agree-\nment",
        "corrected\nwin rate",
        "judge\nalone",
    )
    table = _table(*columns, "decision", *(["true\nscore"] if scored else []))
    for r in summary.rounds:
        cells = [
            Text(str(r.index), style="bold"),
            Text(f"{r.samples:,}"),
            Text(f"{r.pairs:,}"),
            _interval(r.judge_win_rate),
            _agreement(r),
            _interval(r.corrected_win_rate),
            _choice(r.judge_only_decision),
            _decision(r),
        ]
        if scored:
            true = r.true_score
            cells.append(Text(f"{true.incumbent:.2f}→{true.candidate:.2f}" if true else "–"))
        table.add_row(*cells)
    return table


def runs_table(summaries: Sequence[RunSummary]) -> Table:
    """A row a run."""
    table = _table("run", "rounds", "promoted", "policy", "state")
    for summary in summaries:
        decided = [r for r in summary.rounds if r.decision]
        table.add_row(
            Text(visible(summary.run), style="bold"),
            Text(str(len(decided))),
            Text(str(sum(r.decision == "promote" for r in decided))),
            Text(summary.policy or "–", no_wrap=True),
            Text(visible(summary.stopped)),
        )
    return table


def policies_table(
    checkpoints: Iterable[Checkpoint], decisions: Mapping[str, Decision], current: str
) -> Table:
    """A row a revision; `decisions` are the gate's, by candidate."""
    table = _table("revision", "round", "decision", "files")
    for checkpoint in checkpoints:
        decision = decisions.get(checkpoint.id)
        said = Text("initial") if checkpoint.round == 0 else _choice(decision.kind if decision else None)
        if decision is not None and not decision.audited:
            said.append(" unaudited", style="yellow")
        if checkpoint.id == current:
            said.append(" ← ships", style="bold green")
        there = Path(checkpoint.path).is_dir()
        table.add_row(
            Text(checkpoint.id, no_wrap=True),
            Text(str(checkpoint.round)),
            said,
            Text(one_line(checkpoint.path, 60), style="" if there else "red").append(
                "" if there else " (gone)"
            ),
        )
    return table


def league_table(found: RunLeague) -> Table:
    """A row a policy: its rating, and how often it beat each earlier one."""
    names = ["initial" if trained_in == 0 else f"round {trained_in}" for trained_in in found.trained_in]
    rates = found.table.rates
    table = _table("policy", "Elo", *(f"beats\n{name}" for name in names[:-1]))
    for row, (name, rating) in enumerate(zip(names, found.table.ratings, strict=True)):
        elo = Text(f"{rating.elo.value:+.0f}" if row else "0")
        if row:
            elo.append(f"\n{rating.elo.low:+.0f} to {rating.elo.high:+.0f}", style="dim")
        table.add_row(
            Text(name, style="bold").append(f"\n{rating.policy}", style="dim"),
            elo,
            *(_interval(rate) if column < row else Text("") for column, rate in enumerate(rates[row][:-1])),
        )
    return table


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=0, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _interval(interval: Interval | None) -> Text:
    if interval is None:
        return Text("–")
    return Text(f"{interval.value:.2f}").append(f"\n{interval.low:.2f}–{interval.high:.2f}", style="dim")


def _agreement(r: RoundSummary) -> Text:
    audit = r.audit
    if audit.agreement is None or audit.low is None or audit.high is None:
        return Text("no labels", style="yellow") if r.judge_win_rate else Text("–")
    return Text(f"{audit.agreement:.2f}").append(f"\n{audit.low:.2f}–{audit.high:.2f}", style="dim")


def _choice(choice: str | None) -> Text:
    return Text(choice or "–", style=_STYLES.get(choice or "", ""))


def _decision(r: RoundSummary) -> Text:
    if r.decision is None:
        return Text("under way", style="dim")
    text = _choice(r.decision)
    weighed = r.judge_win_rate is not None  # without a candidate there was nothing to audit
    return text.append("\nunaudited", style="yellow") if weighed and not r.audited else text
