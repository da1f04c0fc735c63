"""A thread that keeps the books of every run while the pages are served: often for those that somebody looks at.

One thread and one reader of the database, however many people look. A page that stays open asks here whether anything
changed (`pulse`), and no request waits for a figure to be made.
"""

import logging
import threading
import time
from dataclasses import dataclass
from typing import Final

from review.bookkeeping import refresh
from store.errors import StoreError
from store.store import Store

LOOKED_AT_S: Final = 90.0
"""Seconds for which a run counts as looked at."""
OFTEN_S: Final = 2.0
SELDOM_S: Final = 60.0
SHARE: Final = 0.2
"""Of the time, at most so much goes into one run's books."""
_log = logging.getLogger(__name__)


@dataclass
class _Watch:
    pulse: str = ""
    looked: float = float("-inf")
    due: float = float("-inf")


class Keeper:
    """Keeps the books of a store's runs between `start` and `stop`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._runs: dict[str, _Watch] = {}
        self._wake = threading.Event()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._complaint = ""

    def start(self) -> None:
        self._over.clear()
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread, after the run that it is at."""
        self._over.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def look(self, run: str) -> str:
        """Somebody looks at this run now. What is returned changes when its figures do; empty before the first."""
        watch = self._runs.setdefault(run, _Watch())
        now = time.monotonic()
        fresh = now - watch.looked > OFTEN_S
        watch.looked = now
        if fresh:
            watch.due = min(watch.due, now + OFTEN_S) if watch.pulse else now
            self._wake.set()
        return watch.pulse

    def _keep(self) -> None:
        while not self._over.is_set():
            self._wake.clear()
            try:
                self._round()
            except StoreError as error:
                self._complain(str(error))
            self._wake.wait(max(0.2, min(OFTEN_S, self._next() - time.monotonic())))

    def _complain(self, why: str) -> None:
        """Once, however often the same thing goes wrong."""
        if why != self._complaint:
            _log.warning("the figures of the pages are late: %s", why)
        self._complaint = why

    def _round(self) -> None:
        """Every run whose time has come, those that are looked at first."""
        for run in self._store.runs():
            self._runs.setdefault(run.name, _Watch())
        for name, watch in sorted(self._runs.items(), key=lambda pair: -pair[1].looked):
            begun = time.monotonic()
            if self._over.is_set() or watch.due > begun:
                continue
            watch.pulse = refresh(self._store.run(name))
            ended = time.monotonic()
            often = ended - watch.looked < LOOKED_AT_S
            watch.due = ended + max(OFTEN_S if often else SELDOM_S, (ended - begun) / SHARE)

    def _next(self) -> float:
        return min((watch.due for watch in self._runs.values()), default=time.monotonic() + OFTEN_S)
