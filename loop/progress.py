"""How far a stage is: bars with rates and time left on a terminal, plain lines everywhere else.

Plain lines come at the start and end of a stage and at most every ten seconds between, so that a log stays
short and a stuck run is still seen.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as RichProgress,
)
from rich.text import Text

PLAIN_INTERVAL_S = 10.0


class Bar(Protocol):
    """One stage's progress."""

    def advance(self, units: int) -> None:
        """So many units more are finished."""
        ...

    def move_to(self, completed: int, total: int | None = None) -> None:
        """So many units are finished, of `total` where it became known."""
        ...

    def note(self, text: str) -> None:
        """What is going on now, shown beside the count until the next note."""
        ...


class Progress(Protocol):
    def stage(self, name: str, total: int | None, unit: str) -> AbstractContextManager[Bar]: ...

    def say(self, text: str) -> None:
        """A line the user should read."""
        ...


class Silent:
    """Says nothing: the default of the Python interface."""

    @contextmanager
    def stage(self, name: str, total: int | None, unit: str) -> Iterator[Bar]:  # noqa: ARG002
        yield _SilentBar()

    def say(self, text: str) -> None:
        """Nothing."""


class _SilentBar:
    def advance(self, units: int) -> None:
        """Nothing."""

    def move_to(self, completed: int, total: int | None = None) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


class Plain:
    """Lines on a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @contextmanager
    def stage(self, name: str, total: int | None, unit: str) -> Iterator[Bar]:
        bar = _PlainBar(self, name, total, unit)
        self.say(f"{name}: started" + (f", {total:,} {unit}" if total is not None else ""))
        yield bar
        self.say(f"{name}: done, {bar.state()}")

    def say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class _PlainBar:
    def __init__(self, lines: Plain, name: str, total: int | None, unit: str) -> None:
        self._lines, self._name, self._total, self._unit = lines, name, total, unit
        self._done = 0
        self._note = ""
        self._start = self._said = time.monotonic()

    def advance(self, units: int) -> None:
        self.move_to(self._done + units)

    def move_to(self, completed: int, total: int | None = None) -> None:
        self._done, self._total = completed, total if total is not None else self._total
        self._say_now_and_then()

    def note(self, text: str) -> None:
        self._note = text
        self._say_now_and_then()

    def _say_now_and_then(self) -> None:
        if time.monotonic() - self._said >= PLAIN_INTERVAL_S:
            self._said = time.monotonic()
            self._lines.say(f"{self._name}: {self.state()}")

    def state(self) -> str:
        elapsed = max(time.monotonic() - self._start, 1e-9)
        rate = self._done / elapsed
        of = f" of {self._total:,}" if self._total is not None else ""
        text = f"{self._done:,}{of} {self._unit} in {elapsed:.1f} s"
        if self._done:
            text += f", {rate:,.1f}/s"
            if self._total is not None and self._total > self._done:
                text += f", {(self._total - self._done) / rate:.0f} s left"
        return f"{text}; {self._note}" if self._note else text


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f} {task.fields['unit']}/s" if speed else "", style="progress.data.speed")


class Bars:
    """Rich progress bars on a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def stage(self, name: str, total: int | None, unit: str) -> Iterator[Bar]:
        columns = (
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            _RateColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False, style="dim"),
        )
        with RichProgress(*columns, console=self._console) as progress:
            task = progress.add_task(name, total=total, unit=unit, note="")
            yield _RichBar(progress, task)

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)


class _RichBar:
    def __init__(self, progress: RichProgress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def advance(self, units: int) -> None:
        self._progress.advance(self._task, units)

    def move_to(self, completed: int, total: int | None = None) -> None:
        self._progress.update(self._task, completed=completed, total=total)

    def note(self, text: str) -> None:
        self._progress.update(self._task, note=text)


def progress_on(stream: TextIO = sys.stderr) -> Progress:
    """Bars where `stream` is a terminal, plain lines elsewhere."""
    console = Console(file=stream)
    return Bars(console) if console.is_terminal else Plain(stream)
