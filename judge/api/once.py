"""A value made once by whoever asks for it first; others who ask meanwhile, or soon after, are given the same."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_KEPT = 4096
"""Values remembered: comparisons of one prompt stand together, so what is older is hardly asked for again."""


class Once(Generic[T]):
    """Values by key, for one event loop. What fails is not remembered."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, asyncio.Future[T]] = OrderedDict()

    async def get(self, key: str, make: Callable[[], Awaitable[T]]) -> T:
        """The value of `key`, by `make` where there is none. Raises what `make` raises, to all who wait for it."""
        if (there := self._values.get(key)) is not None:
            return await asyncio.shield(there)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._values[key] = future
        self._forget()
        try:
            future.set_result(await make())
        except BaseException as error:
            del self._values[key]
            if isinstance(error, asyncio.CancelledError):
                future.cancel()
            else:
                future.set_exception(error)
                future.exception()  # nobody may be waiting, and that is no fault
            raise
        return future.result()

    def _forget(self) -> None:
        while len(self._values) > _KEPT and next(iter(self._values.values())).done():
            self._values.popitem(last=False)
