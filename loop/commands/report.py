"""`rlaif report`: write a run's report again, from the store alone."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from loop.commands.opening import open_run
from loop.report import write_report


def write_run_report(name: str, url: str | None, output: Path) -> None:
    """Write the report into the run's folder and print its path."""
    with open_run(name, url, output) as store:
        path = write_report(store, output / name)
    Console().print(Text(str(path)), soft_wrap=True)
