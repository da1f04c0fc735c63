"""The order in which training sees the pairs: shuffled, yet with pairs of like length side by side.

The order is a function of seed and epoch alone, so a resumed run goes on exactly where it was. In each epoch the
pairs are shuffled, cut into stretches of a few batches, sorted by length within a stretch and cut into batches,
which are shuffled again. Sorting all pairs would pad less and repeat nearly the same batches every epoch.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

_STRETCH = 8
"""Batches of one stretch."""


class PairBatches(Sampler[int]):
    """Indices of pairs in training order. `batch` is how many are read together on one device."""

    def __init__(self, lengths: Sequence[int], batch: int, seed: int) -> None:
        self.lengths = np.asarray(lengths)
        self.batch = batch
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng([self.seed, self.epoch])
        order = random.permutation(len(self.lengths))
        size = self.batch * _STRETCH
        stretches = [order[start : start + size] for start in range(0, len(order), size)]
        by_length = np.concatenate([s[np.argsort(-self.lengths[s], kind="stable")] for s in stretches])
        whole = len(by_length) // self.batch * self.batch
        batches = by_length[:whole].reshape(-1, self.batch)
        yield from batches[random.permutation(len(batches))].ravel().tolist()
        yield from by_length[whole:].tolist()
