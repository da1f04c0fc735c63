"""Log-probabilities of given tokens in given sequences, many at once and exactly as each alone.

A causal model's log-probabilities of a token do not depend on what follows it, so sequences of a batch are padded on
the right and need neither mask nor position ids: that is exact for every architecture (learned, rotary or ALiBi
positions, sliding windows, recurrent states) and takes the fastest attention path. Only the positions that are
asked for go through the output layer.

What sequences begin with is read once and its cache repeated: what all begin with, and again what those of a group
do (see `policy.prefix_groups`). A batch holds groups with a prefix of one length, so nothing needs padding in the
middle. Equal sequences are read once. How the rows are cut does not depend on the machine; on a CPU the parts are read
side by side, a thread each (see `policy.side_by_side`).
"""

import copy
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache

from policy.decode import can_drop_rows
from policy.model import LoadedPolicy
from policy.prefix_groups import Group, by_prefix, group_by_start, shared_start
from policy.side_by_side import work_side_by_side

_MOST_LOGITS = 1 << 26
"""Logits of one batch, in numbers: 256 MiB in float32."""

_CPU_TOKENS = 2048
"""A larger batch falls out of a CPU's caches and is slower (measured: half the speed at 16k)."""

_MOST_PADDING = 0.0625
"""Of the tokens of a full batch: a new batch costs less than computing more padding."""


@dataclass(frozen=True)
class Row:
    """A sequence to read, and the tokens whose log-probabilities are wanted.

    `targets` are the tokens after each of the last `len(targets)` tokens of `ids`; with `single` they are all
    alternatives for the one token after the last.
    """

    ids: tuple[int, ...]
    targets: tuple[int, ...]
    single: bool = False

    @property
    def positions(self) -> range:
        """The places in `ids` after which a target stands."""
        return range(len(self.ids) - (1 if self.single else len(self.targets)), len(self.ids))


class Reader:
    """Reads rows with one policy."""

    def __init__(self, policy: LoadedPolicy) -> None:
        self._policy = policy
        parameters = inspect.signature(policy.model.forward).parameters
        self._keeps_logits = "logits_to_keep" in parameters
        self._shares = can_drop_rows(policy.model)
        self._vocabulary = policy.model.config.get_text_config().vocab_size

    @torch.inference_mode()
    def read(self, rows: Sequence[Row], batch_tokens: int) -> list[list[float]]:
        """For each row the natural-log probabilities of its targets.

        `batch_tokens` bounds the padded tokens that a thread holds.
        """
        distinct = list(dict.fromkeys(rows))
        sequences, limits = [row.ids for row in distinct], [row.positions[0] for row in distinct]
        base = shared_start(sequences, limits) if self._shares else 0
        trunk = self._trunk(sequences[0][:base]) if base else None
        alone = [Group(0, (place,)) for place in range(len(distinct))]
        groups = group_by_start(sequences, limits, base) if self._shares else alone
        size = min(batch_tokens, _CPU_TOKENS) if self._policy.device.type == "cpu" else batch_tokens

        @torch.inference_mode()  # holds for one thread only
        def read_part(part: Sequence[Group]) -> dict[Row, list[float]]:
            """The members of groups with prefixes of one length: these are read once, and kept for all batches."""
            prefix = part[0].prefix
            branches = self._branches(trunk, [sequences[group.places[0]][base:prefix] for group in part])
            members = [
                (number, distinct[place]) for number, group in enumerate(part) for place in group.places
            ]
            done: dict[Row, list[float]] = {}
            for batch in self._batches(members, prefix, size, batch_tokens):
                cache = branches and self._take(branches, [number for number, _ in batch])
                read = [row for _, row in batch]
                done |= zip(read, self._finish(read, prefix, cache), strict=True)
            return done

        parts = [
            part
            for prefix, alike in by_prefix(groups).items()
            for part in _cut(alike, max(1, size // max(1, prefix - base)))
        ]
        found: dict[Row, list[float]] = {}
        for done in work_side_by_side(read_part, parts, self._policy.device):
            found |= done
        return [found[row] for row in rows]

    def _trunk(self, ids: Sequence[int]) -> DynamicCache:
        """What all sequences begin with, read as one of the parts is: on as many cores, for the same digits."""
        extend = torch.inference_mode()(self._extend)
        return work_side_by_side(lambda part: extend(None, [part]), [ids], self._policy.device)[0]

    def _branches(self, trunk: DynamicCache | None, parts: Sequence[Sequence[int]]) -> DynamicCache | None:
        """A cache with a row for each part, read on top of the trunk."""
        grown = trunk and self._take(trunk, [0] * len(parts))
        return self._extend(grown, parts) if parts[0] else grown

    def _extend(self, cache: DynamicCache | None, parts: Sequence[Sequence[int]]) -> DynamicCache:
        """Read parts of one length on top of a cache, for the cache they leave."""
        cache = DynamicCache(config=self._policy.model.config) if cache is None else cache
        ids = torch.tensor([list(part) for part in parts], device=self._policy.device)
        keep = {"logits_to_keep": 1} if self._keeps_logits else {}
        self._policy.model(input_ids=ids, past_key_values=cache, use_cache=True, **keep)
        return cache

    def _take(self, cache: DynamicCache, rows: Sequence[int]) -> DynamicCache:
        """A new cache of some rows of another, repeated at will; the other stays as it is."""
        taken = copy.copy(cache)
        taken.layers = [_apart(layer) for layer in cache.layers]
        taken.reorder_cache(torch.tensor(rows, device=self._policy.device))
        return taken

    def _finish(self, batch: Sequence[Row], prefix: int, cache: DynamicCache | None) -> list[list[float]]:
        """Read what the rows do not share, and the targets' log-probabilities off it."""
        device = self._policy.device
        longest = max(len(row.ids) for row in batch) - prefix
        ids = np.zeros((len(batch), longest), np.int64)
        for place, row in enumerate(batch):
            ids[place, : len(row.ids) - prefix] = row.ids[prefix:]
        kept = sorted({at - prefix for row in batch for at in row.positions})
        options: dict[str, Any] = {"use_cache": False}
        if cache is not None:
            options = {"use_cache": True, "past_key_values": cache}
        if self._keeps_logits:
            options["logits_to_keep"] = torch.tensor(kept, device=device)
        logits = self._policy.model(input_ids=torch.from_numpy(ids).to(device), **options).logits
        if not self._keeps_logits:
            logits = logits[:, kept]
        return _gather(batch, {at + prefix: index for index, at in enumerate(kept)}, logits.float())

    def _batches(
        self, members: Sequence[tuple[int, Row]], prefix: int, size: int, held: int
    ) -> Iterator[list[tuple[int, Row]]]:
        """Rows that share `prefix` tokens, longest first, cut by what is computed, held, and given out as logits."""
        batch: list[tuple[int, Row]] = []
        kept: set[int] = set()
        padding = 0
        for member in sorted(members, key=lambda member: -len(member[1].ids)):
            longest = len(batch[0][1].ids) if batch else 0
            with_row = kept.union(member[1].positions)
            count = len(batch) + 1
            full = count * (longest - prefix) > size or count * longest > held
            padding += max(0, longest - len(member[1].ids))
            wide = count * len(with_row) * self._vocabulary > _MOST_LOGITS
            if batch and (full or wide or padding > size * _MOST_PADDING):
                yield batch
                batch, with_row, padding = [], set(member[1].positions), 0
            batch.append(member)
            kept = with_row
        if batch:
            yield batch


def _cut(groups: Sequence[Group], size: int) -> Iterator[Sequence[Group]]:
    for start in range(0, len(groups), size):
        yield groups[start : start + size]


def _apart(layer: Any) -> Any:
    """A copy of a cache's layer whose tensors can be replaced without touching the first's."""
    copied = copy.copy(layer)
    copied.__dict__.update({name: dict(v) for name, v in vars(layer).items() if isinstance(v, dict)})
    return copied


def _gather(batch: Sequence[Row], where: Mapping[int, int], logits: Tensor) -> list[list[float]]:
    """The targets' log-probabilities. `where` says which line of `logits` (rows, lines, vocabulary) is which place."""
    wanted = [
        (number, where[place], target)
        for number, row in enumerate(batch)
        for place, target in zip(
            [row.positions[0]] * len(row.targets) if row.single else row.positions, row.targets, strict=True
        )
    ]
    rows, lines, targets = torch.tensor(wanted, device=logits.device).unbind(-1)
    flat = iter((logits[rows, lines, targets] - torch.logsumexp(logits, -1)[rows, lines]).tolist())
    return [[next(flat) for _ in row.targets] for row in batch]
