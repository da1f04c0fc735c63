"""Runs that people asked for on a page or by the API, taken and played here.

Whoever takes a request holds a lock beside its run's folder until the run stops. A request that is taken and whose lock
is free lost its taker: it is taken again, and the run goes on where it was. Locks are seen on one machine, so a
request that a process of another machine took is left to that machine.
"""

import os
import socket
from pathlib import Path

from filelock import FileLock, Timeout

from loop.config import RunConfig, StoreSettings, parse_config
from loop.errors import RunBusy
from loop.exits import explain
from loop.progress import Progress, Silent
from loop.rounds import run
from loop.summary import RunSummary
from store.run_requests import RunRequest, RunRequests
from store.store import Store

STORE_VARIABLE = "RLAIF_STORE"
"""The environment variable that `--store` is read from."""


def play_oldest(
    store: Store, url: str | None, output: Path, progress: Progress | None = None
) -> tuple[RunRequest, RunSummary | None] | None:
    """Take the oldest request that waits, play it to its end, and return it as it ended; None where none waits.

    `url` and `output` are where this process finds the store and the runs' folders, which a stored configuration may
    name from another place. A run that cannot be played or stops half-way fails its request, with the reason, and the
    summary is None. An interruption gives the request back, and so does a run that another process plays just now; then
    the next one is tried.
    """
    desk = RunRequests(store.database)
    host = socket.gethostname()
    taker = f"{host}:{os.getpid()}"
    for seen in desk.requests(open_only=True):
        if seen.state == "taken" and (seen.taken_by or "").rpartition(":")[0] != host:
            continue
        folder = output / ".requests"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{seen.id}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue  # its taker lives
        try:
            taken = desk.take(seen, taker)
            if taken is not None:
                return _play(store, desk, taken, taker, url, output, progress or Silent())
        except RunBusy:
            continue
        finally:
            lock.release()
    return None


def _play(
    store: Store,
    desk: RunRequests,
    taken: RunRequest,
    taker: str,
    url: str | None,
    output: Path,
    progress: Progress,
) -> tuple[RunRequest, RunSummary | None]:
    try:
        config = requested_config(store, taken, url, output)
        progress.say(f"request {taken.id} of {taken.asked_by}: run {taken.name}")
        summary = run(config, name=taken.name, rounds=taken.rounds, progress=progress)
    except (KeyboardInterrupt, RunBusy):
        desk.release(taken.id, taker)
        raise
    except Exception as error:
        ended = desk.end(taken.id, taker, "failed", explain(error)[1])
        return ended or desk.request(taken.id), None
    ended = desk.end(taken.id, taker, "done", f"{summary.stopped}; policy {summary.policy}")
    return ended or desk.request(taken.id), summary


def requested_config(store: Store, request: RunRequest, url: str | None, output: Path) -> RunConfig:
    """The stored configuration, kept where this process keeps its runs. Raises ConfigError, `store.errors.NotFound`."""
    record = store.run(request.source).record
    config = parse_config(record.config, f"the configuration of run {request.source}")
    # A URL may hold a password, and a configuration is stored: the variable's name stands for it.
    named = url is not None and os.environ.get(STORE_VARIABLE) == url
    kept = StoreSettings(url_env=STORE_VARIABLE) if named else StoreSettings(url=url)
    return config.model_copy(update={"output": output, "store": kept})
