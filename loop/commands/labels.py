"""`rlaif labels`: labels and preferences to and from files (see `review.exchange`)."""

import os
import sys
from pathlib import Path

from loop.commands.opening import open_run
from review.errors import BadFile
from review.exchange.formats import FORMATS, FormatName, What
from review.exchange.gather import Leaving, leaving
from review.exchange.reading import MAX_BYTES
from review.exchange.take_in import Reviewers, take_in


def export_labels(
    name: str,
    file: Path,
    format: FormatName,
    what: What | None,
    index: int | None,
    url: str | None,
    output: Path,
    *,
    waiting: bool,
) -> None:
    """Write to `file`, which is whole or not there; `-` is stdout. What was written is told on stderr."""
    with open_run(name, url, output) as store:
        made = leaving(store, FORMATS[format], what, round=index, waiting=waiting)
        if str(file) == "-":
            sys.stdout.writelines(made.chunks)
        else:
            _write(file, made)
    print(_told(made, file), file=sys.stderr)  # noqa: T201


def import_labels(
    name: str, file: Path, format: FormatName, reviewer: list[str], url: str | None, output: Path
) -> None:
    """Take a file in, all of it or nothing."""
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise BadFile(f"{file} has {size:,} bytes; {MAX_BYTES:,} is the most. Cut it into several files.")
        with file.open("rb") as opened, open_run(name, url, output) as store:
            taken = take_in(store, FORMATS[format], opened, _reviewers(reviewer))
    except OSError as error:
        raise BadFile(f"cannot read {file}: {error.strerror}.") from error
    told = f"{taken.added} labels imported"
    if taken.added:
        told += f", {taken.counted} of them for estimates too (blind, on items drawn at random)"
    told += f"; {taken.present} were there already"
    if taken.unanswered:
        told += f"; {taken.unanswered} tasks are unanswered"
    print(told)  # noqa: T201


def _write(file: Path, made: Leaving) -> None:
    """Beside the file first, so that a reader never sees half of one."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        try:
            with part.open("x", encoding="utf-8", newline="") as opened:
                opened.writelines(made.chunks)
                opened.flush()
                os.fsync(opened.fileno())
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise BadFile(f"cannot write {file}: {error.strerror}.") from error


def _told(made: Leaving, file: Path) -> str:
    told = f"{made.written} {made.what} written" + ("" if str(file) == "-" else f" to {file}")
    if made.what == "form":
        told = f"the form written to {file}"
    if made.withheld:
        told += (
            f"; labels on {made.withheld} comparisons left out, as people are still to answer them "
            "(--include-waiting takes them in; keep such a file from reviewers)"
        )
    return told


def _reviewers(given: list[str]) -> Reviewers:
    by_name = dict(one.split("=", 1) for one in given if "=" in one)
    everybody = [one for one in given if "=" not in one]
    if len(everybody) > 1 or (everybody and by_name):
        raise BadFile("--reviewer is one NAME for the whole file, or THEIRS=NAME for each of several people")
    return Reviewers(everybody[0] if everybody else None, by_name)
