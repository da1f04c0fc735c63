"""Verdicts that arrive one by one go into the store by the moment, not each by itself.

A transaction costs as much for one verdict as for a hundred, and a judge with hundreds of requests in flight delivers
a thousand verdicts a second. So what arrives within a quarter of a second is committed together, in a thread, while
more arrive. However the judging ends, what arrived is committed before it is over; a process that is killed
outright loses the last moment's verdicts, and its calls are in the cache.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from store.records import Verdict

MOMENT_S = 0.25
MOST = 512
"""Verdicts that wait for a commit before those that bring more have to wait as well."""


class Arrivals:
    """Takes verdicts; see `arrivals`."""

    def __init__(self, commit: Callable[[list[Verdict]], object]) -> None:
        self._commit = commit
        self._waiting: list[Verdict] = []
        self._due: asyncio.TimerHandle | None = None
        self._committing: asyncio.Task[None] | None = None

    async def add(self, verdict: Verdict) -> None:
        """Take a verdict; it is committed within moments. Raises what an earlier commit raised."""
        self._waiting.append(verdict)
        committing = self._committing
        if committing is not None and (committing.done() or len(self._waiting) >= MOST):
            self._committing = None
            await committing
        if self._due is None and self._committing is None:
            self._due = asyncio.get_running_loop().call_later(MOMENT_S, self._begin)

    def _begin(self) -> None:
        self._due = None
        self._committing = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while self._waiting:
            verdicts, self._waiting = self._waiting, []
            await asyncio.to_thread(self._commit, verdicts)
            if self._waiting:
                await asyncio.sleep(MOMENT_S)

    async def finish(self) -> None:
        """Commit what is left."""
        if self._due is not None:
            self._due.cancel()
        committing, self._committing = self._committing, None
        try:
            if committing is not None:
                await committing
        finally:
            if self._waiting:
                self._commit(self._waiting)
                self._waiting = []


@asynccontextmanager
async def arrivals(commit: Callable[[list[Verdict]], object]) -> AsyncIterator[Arrivals]:
    """Verdicts given to `add` have been put into the store by `commit` when the block is left, however it is left.

    A batch whose commit failed is not tried again; `commit`'s error is raised.
    """
    taken = Arrivals(commit)
    try:
        yield taken
    finally:
        await taken.finish()
