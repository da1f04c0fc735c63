"""`rlaif runs requested` and `rlaif run --requested`: runs that people asked for on a page or by the API."""

import sys
from contextlib import redirect_stdout
from pathlib import Path

import typer
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from loop.commands.opening import open_store
from loop.commands.outcome import show_rounds
from loop.exits import INTERRUPTED, RESUMABLE
from loop.progress import progress_on
from loop.requested import play_oldest
from review.visible import visible
from store.run_requests import RunRequest, RunRequests


def list_requested(url: str | None, output: Path, *, everything: bool, as_json: bool) -> None:
    """The requests of a store, oldest first: those that wait or are being played, or all."""
    with open_store(url, output) as store:
        requests = RunRequests(store.database).requests(open_only=not everything)
    if as_json:
        sys.stdout.write(TypeAdapter(list[RunRequest]).dump_json(requests, indent=2).decode() + "\n")
        return
    console = Console()
    if not requests:
        console.print("Nobody has asked for a run." if everything else "No run that was asked for waits.")
        return
    table = Table("Request", "Run", "Configuration of", "Rounds", "Asked by", "State", "Outcome", box=None)
    for one in requests:
        rounds = str(one.rounds) if one.rounds else "as configured"
        cells = (one.id, one.name, one.source, rounds, one.asked_by, one.state, one.outcome)
        table.add_row(*(Text(visible(cell)) for cell in cells))
    console.print(table)


def play_requested(url: str | None, output: Path, *, as_json: bool) -> None:
    """Play the oldest request that waits, and say how it ended; with `as_json` only the request goes to stdout."""
    try:
        with open_store(url, output) as store, redirect_stdout(sys.stderr):
            played = play_oldest(store, url, output, progress_on(sys.stderr))
    except KeyboardInterrupt:
        Console(stderr=True).print("\nInterrupted. Everything so far is kept, and the request waits again.")
        raise typer.Exit(INTERRUPTED) from None
    if played is None:
        if as_json:
            sys.stdout.write("null\n")
        else:
            Console().print("No run that was asked for waits.")
        return
    request, summary = played
    if as_json:
        sys.stdout.write(request.model_dump_json(indent=2) + "\n")
    else:
        if summary is not None:
            show_rounds(Console(), summary)
        Console().print(
            Text(visible(f"Request {request.id}: {request.state}. {request.outcome}")), soft_wrap=True
        )
    if request.state == "failed":
        raise typer.Exit(RESUMABLE)
