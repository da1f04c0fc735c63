"""The rows of a benchmark's table: made one by one, on disk after each, printed at the end.

A way that failed is a row too, with its reason, so that one failure costs one row.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

HEADINGS = (
    "part",
    "model",
    "way",
    "rate",
    "× first",
    "share of bound",
    "bound",
    "seconds",
    "peak GiB",
    "note",
)


@dataclass(frozen=True)
class Row:
    """One measured way of doing one part of the work.

    `rate` is in `unit`; `bound` is the most that the device allows by `basis` (in the same unit), and `peak_bytes`
    the most device memory (on a CPU: of the process) that the way held. `seconds` is what was timed.
    """

    part: str
    model: str
    way: str
    rate: float | None = None
    unit: str = ""
    bound: float | None = None
    basis: str = ""
    seconds: float | None = None
    peak_bytes: int | None = None
    note: str = ""


class Figures:
    """The table of one run of a benchmark. `facts` say what it ran on; `path` gets a Markdown and a JSON file."""

    def __init__(self, title: str, path: Path | None) -> None:
        self.title = title
        self.path = path
        self.facts: dict[str, str] = {}
        self.rows: list[Row] = []

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self.write()

    def write(self) -> None:
        """Write both files, whole, as far as things have come."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.with_suffix(".md").write_text(self.markdown(), "utf-8")
        content = {"title": self.title, "facts": self.facts, "rows": [asdict(row) for row in self.rows]}
        self.path.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")

    def markdown(self) -> str:
        facts = "".join(f"- {name}: {value}\n" for name, value in self.facts.items())
        lines = [f"| {' | '.join(HEADINGS)} |", f"|{'---|' * len(HEADINGS)}"]
        lines += [f"| {' | '.join(cells)} |" for cells in self.cells()]
        return f"{self.title}\n\n{facts}\n" + "\n".join(lines) + "\n"

    def show(self, console: Console) -> None:
        table = Table(title=self.title, caption="\n".join(f"{k}: {v}" for k, v in self.facts.items()))
        for heading in HEADINGS:
            table.add_column(heading, overflow="fold", justify="left" if heading in _WORDS else "right")
        for cells in self.cells():
            table.add_row(*cells)
        console.print(table)

    def cells(self) -> list[tuple[str, ...]]:
        """The rows as text; `× first` compares with the first rate of the same part, model and unit."""
        first: dict[tuple[str, str, str], float] = {}
        return [_cells(row, first) for row in self.rows]


_WORDS = {"part", "model", "way", "note"}


def _cells(row: Row, first: dict[tuple[str, str, str], float]) -> tuple[str, ...]:
    rate = times = share = bound = ""
    if row.rate is not None:
        rate = f"{_round(row.rate)} {row.unit}"
        times = f"{row.rate / first.setdefault((row.part, row.model, row.unit), row.rate):.2f}"
        if row.bound:
            share = f"{row.rate / row.bound:.1%}"
            bound = f"{_round(row.bound)} ({row.basis})"
    seconds = "" if row.seconds is None else f"{row.seconds:.2f}"
    peak = "" if row.peak_bytes is None else f"{row.peak_bytes / 2**30:.2f}"
    return (row.part, row.model, row.way, rate, times, share, bound, seconds, peak, row.note)


def _round(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def reason(error: Exception) -> str:
    """The error as a row's note: its kind and the beginning of what it says, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def in_words(figures: Mapping[str, float]) -> str:
    """`name 1.2 s, other 3.4 s`."""
    return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in figures.items())
