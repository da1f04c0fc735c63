"""`rlaif run`: play a run, then show what it came to and what to do with it."""

import sys
from contextlib import redirect_stdout

import typer
from rich.console import Console
from rich.text import Text

from loop.commands.outcome import Invocation, show_outcome
from loop.config import RunConfig
from loop.exits import INTERRUPTED
from loop.progress import progress_on
from loop.rounds import run
from loop.summary import RunSummary


def run_and_show(config: RunConfig, asked: Invocation, *, as_json: bool) -> None:
    """Play the run that is asked for; with `as_json` only its summary goes to stdout."""
    try:
        # What libraries print while they work is progress, not result.
        with redirect_stdout(sys.stderr):
            summary: RunSummary = run(
                config, name=asked.run, rounds=asked.rounds, progress=progress_on(sys.stderr)
            )
    except KeyboardInterrupt:
        text = Text(f"\nInterrupted. Everything so far is kept; go on with:\n  {asked.command()}")
        Console(stderr=True).print(text, soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        sys.stdout.write(summary.model_dump_json(indent=2) + "\n")
    else:
        show_outcome(Console(), summary, config, asked)
