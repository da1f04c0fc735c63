"""How likely a policy finds given words: labels after a chat (a judge's verdict), and whole answers (KL estimates).

A causal model's log-probabilities of a token do not depend on what follows it, so sequences of a batch are padded on
the right and need neither mask nor position ids: that is exact for every architecture (learned, rotary or ALiBi
positions, sliding windows, recurrent states) and takes the fastest attention path. What all chats of a call
begin with is read once and its cache repeated. Only the positions that are asked for go through the output layer.

Left out: sharing between some of the chats (the two orders of one comparison begin alike up to the first answer).
"""

import copy
import inspect
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache

from policy.chat import Ids
from policy.decode import can_drop_rows
from policy.model import LoadedPolicy
from store.records import Message

_SHORTEST_PREFIX = 8
"""A shorter shared prefix costs more to repeat than to read again."""

_MOST_LOGITS = 1 << 26
"""Logits of one batch, in numbers: 256 MiB in float32."""


class PolicyScorer:
    """A `LabelScorer` and an `AnswerScorer` (see `policy.contract`) on a loaded policy."""

    def __init__(self, policy: LoadedPolicy) -> None:
        self._policy = policy
        parameters = inspect.signature(policy.model.forward).parameters
        self._keeps_logits = "logits_to_keep" in parameters
        self._shares_prefix = can_drop_rows(policy.model)

    @property
    def revision(self) -> str:
        return self._policy.revision

    def label_logprobs(
        self, chats: Sequence[Sequence[Message]], labels: Sequence[str], batch_tokens: int
    ) -> NDArray[np.float64]:
        """Natural-log probability of each label as the start of the reply, shape (len(chats), len(labels)).

        A label of several tokens has the sum of theirs. Labels are encoded as they continue the chat's text, so " A"
        and "A" are what they look like. `batch_tokens` bounds the padded tokens of a batch. Raises
        `ChatTemplateError` for a label that does not start at a token boundary. A chat that does not fit the model's
        context has a row of NaN: it cannot be scored, and the others are not lost with it.
        """
        if not chats:
            return np.empty((0, len(labels)))
        texts = self._policy.chats.render(chats)
        prompts = self._policy.chats.encode(chats, texts)
        label_ids = self._policy.chats.label_ids(texts, labels)
        if all(len(ids) == 1 for ids in label_ids):
            rows = [_Row(prompt, [ids[0] for ids in label_ids], single=True) for prompt in prompts]
            return np.array(self._score(rows, batch_tokens))
        rows = [_Row(prompt + ids[:-1], ids) for prompt in prompts for ids in label_ids]
        sums = [sum(values) for values in self._score(rows, batch_tokens)]
        return np.array(sums).reshape(len(prompts), len(labels))

    def answer_logprobs(
        self, chats: Sequence[Sequence[Message]], answers: Sequence[str], batch_tokens: int
    ) -> NDArray[np.float64]:
        """Summed natural-log probability of each answer and its end token, shape (len(chats),).

        NaN for a chat that does not fit the model's context with its answer.
        """
        prompts, answer_ids = self._policy.chats.answer_ids(chats, answers)
        rows = [_Row(p + a[:-1], a) for p, a in zip(prompts, answer_ids, strict=True)]
        return np.array([sum(values) for values in self._score(rows, batch_tokens)], dtype=np.float64)

    @torch.inference_mode()
    def _score(self, rows: Sequence["_Row"], batch_tokens: int) -> list[list[float]]:
        """For each row the log-probabilities of its targets; NaN for a row longer than the context."""
        values = [[math.nan] * len(row.targets) for row in rows]
        context = self._policy.context
        readable = [n for n, row in enumerate(rows) if context is None or len(row.ids) <= context]
        fitting = [rows[n] for n in readable]
        prefix = self._prefix(fitting)
        cache = self._read(fitting[0].ids[:prefix]) if prefix else None
        vocabulary = self._policy.model.config.get_text_config().vocab_size
        for places in _batches(fitting, batch_tokens, vocabulary):
            batch = [fitting[place] for place in places]
            for place, found in zip(places, self._forward(batch, prefix, cache), strict=True):
                values[readable[place]] = found
        return values

    def _forward(self, batch: Sequence["_Row"], prefix: int, cache: DynamicCache | None) -> list[list[float]]:
        device = self._policy.device
        longest = max(len(row.ids) for row in batch) - prefix
        ids = np.zeros((len(batch), longest), np.int64)
        for place, row in enumerate(batch):
            ids[place, : len(row.ids) - prefix] = row.ids[prefix:]
        kept = sorted({at - prefix for row in batch for at in row.positions})
        where = {at: index for index, at in enumerate(kept)}
        options: dict[str, Any] = {"use_cache": False}
        if cache is not None:
            options = {"use_cache": True, "past_key_values": _repeat(cache, len(batch), device)}
        if self._keeps_logits:
            options["logits_to_keep"] = torch.tensor(kept, device=device)
        logits = self._policy.model(input_ids=torch.from_numpy(ids).to(device), **options).logits
        if not self._keeps_logits:
            logits = logits[:, kept]
        at = torch.tensor([(r, where[p - prefix]) for r, row in enumerate(batch) for p in row.positions])
        logprobs = torch.log_softmax(logits[at[:, 0], at[:, 1]].float(), -1)
        return _gather(batch, logprobs)

    def _read(self, ids: Ids) -> DynamicCache:
        cache = DynamicCache(config=self._policy.model.config)
        keep = {"logits_to_keep": 1} if self._keeps_logits else {}
        self._policy.model(
            input_ids=torch.tensor([ids], device=self._policy.device),
            past_key_values=cache,
            use_cache=True,
            **keep,
        )
        return cache

    def _prefix(self, rows: Sequence["_Row"]) -> int:
        """How many tokens all rows begin with; 0 where sharing is not possible or not worth it."""
        if not self._shares_prefix or len(rows) < 2:
            return 0
        low, high = min(row.ids for row in rows), max(row.ids for row in rows)
        same = next(
            (i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high))
        )
        same = min(same, *(row.positions[0] for row in rows))
        return same if same >= _SHORTEST_PREFIX else 0


@dataclass(frozen=True)
class _Row:
    """A sequence to read, and the tokens whose log-probabilities are wanted.

    `targets` are the tokens after each of the last `len(targets)` tokens of `ids`; with `single` they are all
    alternatives for the one token after the last.
    """

    ids: Ids
    targets: Ids
    single: bool = False

    @property
    def positions(self) -> range:
        return range(len(self.ids) - (1 if self.single else len(self.targets)), len(self.ids))


def _gather(batch: Sequence[_Row], logprobs: Tensor) -> list[list[float]]:
    """The targets' values, from one line of log-probabilities for each position of each row."""
    values: list[list[float]] = []
    start = 0
    for row in batch:
        lines = logprobs[start : start + len(row.positions)]
        targets = torch.tensor(row.targets, device=lines.device)
        found = lines[0, targets] if row.single else lines.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
        values.append(found.tolist())
        start += len(row.positions)
    return values


def _repeat(cache: DynamicCache, rows: int, device: torch.device) -> DynamicCache:
    repeated = copy.deepcopy(cache)
    repeated.reorder_cache(torch.zeros(rows, dtype=torch.long, device=device))
    return repeated


def _batches(rows: Sequence[_Row], batch_tokens: int, vocabulary: int) -> Iterator[list[int]]:
    """Places of rows, longest first, cut by padded tokens and by the size of the logits."""
    order = sorted(range(len(rows)), key=lambda place: (-len(rows[place].ids), place))
    batch: list[int] = []
    kept: set[int] = set()
    for place in order:
        row = rows[place]
        with_row = kept | set(row.positions)
        size = len(batch) + 1
        longest = len(rows[batch[0]].ids) if batch else 0
        if batch and (size * longest > batch_tokens or size * len(with_row) * vocabulary > _MOST_LOGITS):
            yield batch
            batch, with_row = [], set(row.positions)
        batch.append(place)
        kept = with_row
    if batch:
        yield batch
