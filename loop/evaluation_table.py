"""Evaluations for the terminal: figures side by side, subsets, coverage, paired tests, and what a store holds."""

from collections.abc import Callable, Sequence
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from judge.interval import Interval
from judge.measure.evaluation import JudgeEvaluation
from judge.measure.figures import Figures
from judge.measure.paired import PairedComparison
from review.visible import one_line
from store.records import Evaluation

_RATES = (
    ("  by first order alone", "accuracy_first_order"),
    ("  by second order alone", "accuracy_second_order"),
    ("orders disagree (flips)", "flip_rate"),
    ("prefers the first slot", "first_slot_rate"),
    ("prefers the longer answer", "longer_rate"),
    ("  people do", "human_longer_rate"),
    ("Cohen’s kappa", "kappa"),
)


def figures_table(named: Sequence[tuple[str, JudgeEvaluation]]) -> Table:
    """A row a figure, a column a judge."""
    table = _table("", *(one_line(name, 40) for name, _ in named))

    def row(title: str, cell: Callable[[JudgeEvaluation], Text | str]) -> None:
        table.add_row(Text(title), *(cell(evaluation) for _, evaluation in named))

    row("labelled comparisons", lambda e: f"{e.n:,}" + (f", {e.ties:,} ties" if e.ties else ""))
    row("scored", lambda e: Text(f"{e.scored:,}", style="" if e.scored == e.n else "yellow"))
    row("accuracy", lambda e: _interval(e.accuracy))
    row("  on", lambda e: f"{e.decided:,}" + (f", {e.undecided:,} undecided" if e.undecided else ""))
    for title, name in _RATES:
        row(title, lambda e, name=name: _interval(e.intervals.get(name)))  # type: ignore[misc]
    if any(e.agreement_with_ties for _, e in named):
        row("agreement with ties", lambda e: _interval(e.agreement_with_ties))
    row("calibration error", lambda e: _number(e.ece, 3))
    row("  after a temperature T", lambda e: _after(e))
    row("Brier score", lambda e: f"{_number(e.brier, 3)} → {_number(e.brier_calibrated, 3)}")
    row("cost", _cost)
    return table


def subsets_table(named: Sequence[tuple[str, JudgeEvaluation]]) -> Table | None:
    """Accuracy by subset, a column a judge; None where the data has no subsets."""
    subsets = list(named[0][1].by_subset)
    if not subsets:
        return None
    table = _table("accuracy by subset, rows", *(one_line(name, 40) for name, _ in named))
    for subset in subsets:
        found: list[Figures] = [evaluation.by_subset[subset] for _, evaluation in named]
        cells = [_interval(figures.accuracy, f", {figures.decided}") for figures in found]
        table.add_row(Text(one_line(subset, 30)), *cells)
    return table


def coverage_table(named: Sequence[tuple[str, JudgeEvaluation]]) -> Table | None:
    """Accuracy on the share of verdicts that each judge is surest of."""
    if not all(evaluation.coverage for _, evaluation in named):
        return None
    table = _table("accuracy on the surest", *(one_line(name, 40) for name, _ in named))
    for points in zip(*(evaluation.coverage for _, evaluation in named), strict=True):
        cells = [f"{point.accuracy:.3f} (p ≥ {point.threshold:.2f})" for point in points]
        table.add_row(f"{points[0].coverage:.0%}", *cells)
    return table


def paired_table(found: Sequence[PairedComparison]) -> Table:
    """A row for each judge against the first."""
    table = _table(
        "against the first",
        "rows",
        "difference",
        "only it\nright",
        "only the\nfirst",
        "McNemar\np",
        "prompts\np",
    )
    for pair in found:
        table.add_row(
            Text(one_line(pair.judge, 40)),
            f"{pair.n:,}",
            _interval(pair.difference, sign="+", gap="\n"),
            str(pair.only_judge_right),
            str(pair.only_baseline_right),
            f"{pair.mcnemar_p:.2g}",
            f"{pair.prompts_p:.2g}",
        )
    return table


def evaluations_table(found: Sequence[Evaluation]) -> Table:
    """A row for each stored evaluation; only figures that every version has kept are read."""
    table = _table("evaluation", "when", "judge", "data", "scored", "accuracy")
    for one in found:
        accuracy = one.figures["accuracy"]
        table.add_row(
            Text(one.id[:12]),
            f"{one.created_at:%m-%d %H:%M}",
            Text(one_line(one.choice, 40)),
            Text(one_line(Path(one.data).name, 40)),
            f"{one.figures['scored']:,}/{one.figures['n']:,}",
            _interval(Interval.model_validate(accuracy) if accuracy else None, gap="\n"),
        )
    return table


def reasons(named: Sequence[tuple[str, JudgeEvaluation]]) -> list[Text]:
    """Why comparisons are unscored, a line a reason."""
    return [
        Text(f"{one_line(name, 40)}: {count:,} unscored: ").append(one_line(reason, 100), style="yellow")
        for name, evaluation in named
        for reason, count in evaluation.unscored.items()
    ]


def _table(first: str, *columns: str) -> Table:
    """Made for 80 columns: the first column is never broken, the others where they must be."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column(Text(first), no_wrap=True)
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    return table


def _interval(interval: Interval | None, of: str = "", sign: str = "", gap: str = " ") -> Text:
    if interval is None:
        return Text("–")
    between = " to " if interval.low < 0 or sign else "–"
    text = Text(f"{interval.value:{sign}.3f}")
    return text.append(f"{gap}({interval.low:{sign}.3f}{between}{interval.high:{sign}.3f}){of}", style="dim")


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _after(evaluation: JudgeEvaluation) -> str:
    if evaluation.ece_calibrated is None:
        return "too few labels"
    return f"{evaluation.ece_calibrated:.3f} (T {evaluation.temperature:.2f})"


def _cost(evaluation: JudgeEvaluation) -> str:
    if evaluation.calls == 0:
        return "no calls"
    price = "price unknown" if evaluation.cost_usd is None else f"${evaluation.cost_usd:.4f}"
    tokens = f"{evaluation.input_tokens:,} tokens in, {evaluation.output_tokens:,} out"
    return f"{price}, {evaluation.calls:,} calls, {tokens}"
