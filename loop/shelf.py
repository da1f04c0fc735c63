"""The policies in memory: loaded once per revision, the least recently used put away first.

Sampling, self-judging and likelihoods of one revision share one set of weights. Before a training process
starts, `clear` gives the accelerator's memory back.
"""

from collections import OrderedDict
from pathlib import Path

from policy.model import LoadedPolicy, load_policy
from policy.settings import PolicySettings


class Shelf:
    """At most `capacity` loaded policies, by revision."""

    def __init__(self, settings: PolicySettings, capacity: int = 2) -> None:
        self._settings = settings
        self._capacity = capacity
        self._loaded: OrderedDict[str, LoadedPolicy] = OrderedDict()

    def get(self, revision: str, path: Path) -> LoadedPolicy:
        """The policy `revision`, loaded from `path` unless it is here already."""
        if revision not in self._loaded:
            while len(self._loaded) >= self._capacity:
                self._loaded.popitem(last=False)[1].close()
            self._loaded[revision] = load_policy(self._settings, path, revision)
        self._loaded.move_to_end(revision)
        return self._loaded[revision]

    def clear(self) -> None:
        """Put every policy away and free its memory."""
        while self._loaded:
            self._loaded.popitem()[1].close()
