"""Independent pieces of work on a CPU's cores: one piece a thread, instead of all threads on one piece.

Small models' matrices are too small for several threads: on two cores the starter judges more slowly with two threads
on each batch than with one, and half as fast again with a batch on each core. A piece's floating-point results then
do not depend on the number of cores either, up to eight: where there are more, each piece gets several, so that no more
than eight pieces are held in memory.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

import torch

P = TypeVar("P")
R = TypeVar("R")

_MOST_AT_ONCE = 8
_cores_in_use = Lock()


def work_side_by_side(work: Callable[[P], R], pieces: Sequence[P], device: torch.device) -> list[R]:
    """What `work` makes of each piece, in their order. Off a CPU one after the other, in the caller's thread."""
    if device.type != "cpu":
        return [work(piece) for piece in pieces]
    with _cores_in_use:
        cores = torch.get_num_threads()
        workers = min(cores, _MOST_AT_ONCE)
        try:
            with ThreadPoolExecutor(workers, initializer=_take_cores, initargs=(cores // workers,)) as pool:
                return list(pool.map(work, pieces))
        finally:
            # What one thread sets for itself is also what threads made later begin with.
            torch.set_num_threads(cores)


def _take_cores(number: int) -> None:
    torch.get_num_threads()  # a thread's first use of torch sets its number, and would do so after us
    torch.set_num_threads(number)
