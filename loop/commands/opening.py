"""Opening the store that a command is about, and finding its runs.

A command that reads never makes a database: an empty one in the wrong place would hide a typing error.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from loop.errors import RunNotFound
from store.run import RunStore
from store.store import Store


@contextmanager
def open_store(url: str | None, output: Path) -> Iterator[Store]:
    """The store at `url`, or the default one of the folder `output`. Raises RunNotFound where there is none yet."""
    url = url or f"sqlite:///{output / 'rlaif.db'}"
    missing = _missing_file(url)
    if missing is not None:
        raise RunNotFound(
            f"there is no store at {missing}: nothing has run here yet. Start with `rlaif run CONFIG`, or say where "
            "the runs are with --store URL or --output DIR."
        )
    with Store.open(url) as store:
        yield store


@contextmanager
def open_run(name: str, url: str | None, output: Path) -> Iterator[RunStore]:
    """The run `name` of that store."""
    with open_store(url, output) as store:
        yield store.run(name)


def selected_runs(store: Store, name: str | None) -> list[RunStore]:
    """The run of this name, or every run, newest first. Raises RunNotFound where there is none."""
    if name is not None:
        return [store.run(name)]
    found = [store.run(record.name) for record in reversed(store.runs())]
    if not found:
        raise RunNotFound(f"there is no run in {store.database} yet. Start one with `rlaif run CONFIG`.")
    return found


def _missing_file(url: str) -> Path | None:
    """The file of an SQLite URL that is not there."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None  # the store says what is wrong with it
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        return None
    path = Path(parsed.database)
    return None if path.exists() else path
