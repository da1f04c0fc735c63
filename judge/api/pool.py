"""A bounded pool over an iterator: memory and load stay flat however many items there are."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def work_through(
    items: Iterable[T], work: Callable[[T], Coroutine[Any, Any, R]], width: int
) -> AsyncGenerator[R]:
    """Results of `work` in the order they finish, at most `width` at once; an item is drawn when a place is free.

    The first exception ends it: results that were already there are handed out, what is running is cancelled, then
    the exception is raised. Closing the iterator cancels what is running.
    """
    waiting = iter(items)
    running: set[asyncio.Task[R]] = set()
    finished: asyncio.Queue[asyncio.Task[R]] = asyncio.Queue()
    drained = False
    try:
        while True:
            while not drained and len(running) < width:
                try:
                    item = next(waiting)
                except StopIteration:
                    drained = True
                    break
                task = asyncio.create_task(work(item))
                task.add_done_callback(finished.put_nowait)
                running.add(task)
            if not running:
                return
            task = await finished.get()
            running.discard(task)
            if task.exception() is not None:
                while not finished.empty():
                    other = finished.get_nowait()
                    running.discard(other)
                    if other.exception() is None:
                        yield other.result()
            yield task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
