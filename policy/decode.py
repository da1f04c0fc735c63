"""Drawing the answers of one batch, token by token: two ways to the same result.

`decode_rows` runs the model on its own cache and lets finished rows leave. `decode_by_generate` is for models whose
cache cannot (state-space models that keep their own): it hands the same choice of tokens to transformers' `generate`.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache, GenerationConfig, LogitsProcessor, LogitsProcessorList

from policy.choose import choose
from policy.growing_cache import take_rows
from policy.model import LoadedPolicy

_LEAVE_SHARE = 0.25
"""Finished rows leave the batch when they are this share of it: leaving copies the cache."""


@dataclass(frozen=True)
class Batch:
    """Prompts to answer `k` times each. `draws` has a row of uniform numbers for each answer, prompt by prompt.

    An answer ends at an end token, after as many tokens as a row of `draws` is long, or where the context ends.
    """

    prompts: Sequence[Sequence[int]]
    k: int
    draws: NDArray[np.float64]
    temperature: float
    top_p: float


@dataclass(frozen=True)
class Answer:
    """Generated token ids (the end token included), whether the end token came, and their summed log-probability."""

    ids: list[int]
    ended: bool
    logprob: float


def can_drop_rows(model: Any) -> bool:
    """Whether the model runs on a cache that `decode_rows` can repeat and thin out."""
    if "past_key_values" not in inspect.signature(model.forward).parameters:
        return False
    return all(hasattr(layer, "reorder_cache") for layer in DynamicCache(config=model.config).layers)


@torch.inference_mode()
def decode_rows(policy: LoadedPolicy, batch: Batch) -> list[Answer]:
    """Answers in the order of `batch.draws`: each prompt is read once and its cache repeated."""
    device, k, steps = policy.device, batch.k, batch.draws.shape[1]
    takes_positions = "position_ids" in inspect.signature(policy.model.forward).parameters
    ids, mask = pad_left(batch.prompts, device)
    cache = DynamicCache(config=policy.model.config)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    padded = not bool(mask.all())
    output = policy.model(
        input_ids=ids, attention_mask=mask if padded else None, past_key_values=cache, use_cache=True,
        logits_to_keep=1, **({"position_ids": positions} if takes_positions and padded else {}),
    )  # fmt: skip
    repeat = torch.arange(len(batch.prompts), device=device).repeat_interleave(k)
    take_rows(cache, repeat)
    logits, mask, position = output.logits[repeat, -1], mask[repeat], positions[repeat, -1:] + 1
    draws = torch.from_numpy(batch.draws).to(device, torch.float32 if device.type == "mps" else torch.float64)
    record = _Record(policy, batch)
    for step in range(steps):
        tokens, logprobs = choose(logits, draws[record.rows, step], batch.temperature, batch.top_p)
        stay = record.add(step, tokens, logprobs)
        if stay is not None:
            if not len(stay):
                break
            take_rows(cache, stay)
            tokens, mask, position = tokens[stay], mask[stay], position[stay]
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], -1)
        output = policy.model(
            input_ids=tokens.unsqueeze(-1), attention_mask=mask if padded else None, past_key_values=cache,
            use_cache=True, **({"position_ids": position} if takes_positions else {}),
        )  # fmt: skip
        logits, position = output.logits[:, -1], position + 1
    return record.answers()


class _Record:
    """Tokens and log-probabilities of every row, and which rows are still being decoded."""

    def __init__(self, policy: LoadedPolicy, batch: Batch) -> None:
        count, steps = batch.draws.shape
        device = policy.device
        self.tokens = torch.zeros(count, steps, dtype=torch.long, device=device)
        self.logprobs = torch.zeros(count, steps, dtype=torch.float32, device=device)
        self.lengths = torch.zeros(count, dtype=torch.long, device=device)
        self.end_ids = torch.tensor(sorted(policy.chats.end_ids), device=device)
        self.rows = torch.arange(count, device=device)
        """The rows in the batch, in its order."""
        self.done = torch.zeros(count, dtype=torch.bool, device=device)
        """Which rows in the batch have finished."""
        room = [
            steps if policy.context is None else min(steps, policy.context - len(p)) for p in batch.prompts
        ]
        self.limits = torch.tensor(room, device=device).repeat_interleave(batch.k)

    def add(self, step: int, tokens: Tensor, logprobs: Tensor) -> Tensor | None:
        """Take in a step's tokens; returns the places in the batch that stay when the others should leave now."""
        going = self.rows[~self.done]
        self.tokens[going, step] = tokens[~self.done]
        self.logprobs[going, step] = logprobs[~self.done]
        self.lengths[going] = step + 1
        self.done |= torch.isin(tokens, self.end_ids) | (self.limits[self.rows] <= step + 1)
        finished = int(self.done.sum())
        if finished < len(self.rows) and finished < _LEAVE_SHARE * len(self.rows):
            return None
        stay = (~self.done).nonzero().squeeze(-1)
        self.rows, self.done = self.rows[stay], self.done[stay]
        return stay

    def answers(self) -> list[Answer]:
        total = self.logprobs.double().sum(-1).tolist() if self.logprobs.device.type != "mps" else None
        total = total or self.logprobs.sum(-1).tolist()
        ends = set(self.end_ids.tolist())
        rows = [row[:length] for row, length in zip(self.tokens.tolist(), self.lengths.tolist(), strict=True)]
        return [Answer(row, row[-1] in ends, logprob) for row, logprob in zip(rows, total, strict=True)]


@torch.inference_mode()
def decode_by_generate(policy: LoadedPolicy, batch: Batch) -> list[Answer]:
    """The same answers through `generate`, which reads each prompt `k` times and keeps finished rows to the end."""
    ids, mask = pad_left([p for p in batch.prompts for _ in range(batch.k)], policy.device)
    steps = batch.draws.shape[1]
    if policy.context is not None:
        steps = min(steps, policy.context - ids.shape[1])
    drawing = _Drawing(batch, ids.shape[1])
    config = GenerationConfig(
        max_new_tokens=steps, do_sample=False, num_beams=1, eos_token_id=sorted(policy.chats.end_ids),
        pad_token_id=ids.new_tensor(0).item(), repetition_penalty=1.0, no_repeat_ngram_size=0,
    )  # fmt: skip
    output = policy.model.generate(
        input_ids=ids, attention_mask=mask, generation_config=config,
        logits_processor=LogitsProcessorList([drawing]),
    )  # fmt: skip
    logprobs = torch.stack(drawing.logprobs, -1).double().cpu().numpy()
    answers = []
    for row, values in zip(output[:, ids.shape[1] :].tolist(), logprobs, strict=True):
        end = next((i + 1 for i, token in enumerate(row) if token in policy.chats.end_ids), len(row))
        answers.append(Answer(row[:end], row[end - 1] in policy.chats.end_ids, float(values[:end].sum())))
    return answers


class _Drawing(LogitsProcessor):  # type: ignore[misc]
    """Leaves `generate` no choice but the token that our own streams draw."""

    def __init__(self, batch: Batch, start: int) -> None:
        self.batch, self.start = batch, start
        self.logprobs: list[Tensor] = []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        draws = torch.from_numpy(self.batch.draws[:, input_ids.shape[1] - self.start]).to(scores.device)
        tokens, logprobs = choose(scores, draws, self.batch.temperature, self.batch.top_p)
        self.logprobs.append(logprobs)
        return torch.full_like(scores, -torch.inf).scatter_(-1, tokens.unsqueeze(-1), 0.0)


def pad_left(sequences: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids and mask of shape (rows, longest), the rows aligned at their ends."""
    longest = max(map(len, sequences))
    ids = np.zeros((len(sequences), longest), np.int64)
    mask = np.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, longest - len(sequence) :] = sequence
        mask[row, longest - len(sequence) :] = 1
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)
