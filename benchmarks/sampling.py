"""Ways of drawing k answers to each prompt, and the bound that reading memory sets them.

The plain way is what one writes first: `generate` on batches of prompts in the order they come, padded on the left.
All ways draw from the same distribution (temperature 1, nothing cut off) and stop at the same tokens.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import GenerationConfig

from benchmarks.machine import synchronize
from policy.drawing import Drawing, Request
from policy.model import LoadedPolicy
from store.records import Prompt

PLAIN_BATCH = 8
"""Prompts, or chats, that the plain ways read at once: the batch size that transformers and trl default to."""


@dataclass(frozen=True)
class Drawn:
    """What was drawn in `seconds`: for each answer the tokens of its prompt and its own, end token included."""

    lengths: list[tuple[int, int]]
    seconds: float

    @property
    def tokens(self) -> int:
        return sum(new for _, new in self.lengths)


def memory_bound(lengths: Sequence[tuple[int, int]], weights: int, kv: int, bandwidth: float) -> float:
    """Tokens a second when decoding does nothing but read memory, at `bandwidth` bytes a second.

    All answers are decoded side by side, so that the `weights` (bytes) are read once for each token of the longest
    answer, and each answer's keys and values (`kv` bytes a token) once for each of its tokens, as many as are before
    it. Reading the prompts is left out, and so is all arithmetic: no way of decoding can be faster.
    """
    longest = max(new for _, new in lengths)
    read = sum(new * prompt + new * (new + 1) / 2 for prompt, new in lengths)
    return sum(new for _, new in lengths) * bandwidth / (weights * longest + kv * read)


def draw_plainly(
    policy: LoadedPolicy,
    prompts: Sequence[Prompt],
    k: int,
    most_new: int,
    limit: float,
    batch: int = PLAIN_BATCH,
) -> tuple[Drawn, list[list[str]]]:
    """`generate` on batches of `batch` prompts in the order given; stops before a batch once `limit` seconds are over.

    Returns what was drawn, and the texts of each prompt's answers.
    """
    tokenizer, ends = policy.tokenizer, sorted(policy.chats.end_ids)
    tokenizer.padding_side = "left"
    config = GenerationConfig(
        do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=most_new, num_return_sequences=k,
        eos_token_id=ends, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    lengths: list[tuple[int, int]] = []
    texts: list[list[str]] = []
    synchronize(policy.device)
    start = time.perf_counter()
    for first in range(0, len(prompts), batch):
        chats = [[m.model_dump() for m in prompt.messages] for prompt in prompts[first : first + batch]]
        rendered = tokenizer.apply_chat_template(chats, tokenize=False, add_generation_prompt=True)
        encoded = tokenizer(
            rendered, padding=True, add_special_tokens=False, return_tensors="pt", return_token_type_ids=False
        ).to(policy.device)
        output = policy.model.generate(**encoded, generation_config=config)
        new = output[:, encoded["input_ids"].shape[1] :]
        answers = tokenizer.batch_decode(new, skip_special_tokens=True)
        texts += [answers[row : row + k] for row in range(0, len(answers), k)]
        read = encoded["attention_mask"].sum(-1).repeat_interleave(k).tolist()
        lengths += list(zip(read, _answer_lengths(new, ends), strict=True))
        if time.perf_counter() - start > limit:
            break
    synchronize(policy.device)
    return Drawn(lengths, time.perf_counter() - start), texts


def draw_with(
    drawing: Drawing, policy: LoadedPolicy, prompts: Sequence[Prompt], k: int, limit: float
) -> Drawn:
    """One of our own ways; stops between answers once `limit` seconds are over."""
    synchronize(policy.device)
    start = time.perf_counter()
    ids = policy.prompt_ids(prompts)
    lengths = []
    for drawn in drawing.draw(Request(prompts, ids, k, seed=1, round=0, purpose="train")):
        lengths.append((len(ids[drawn.place]), len(drawn.ids)))
        if time.perf_counter() - start > limit:
            break
    synchronize(policy.device)
    return Drawn(lengths, time.perf_counter() - start)


def draw_by_engine(policy: LoadedPolicy, prompts: Sequence[Prompt], k: int, most_new: int) -> Drawn:
    """`generate_batch` of transformers with its own defaults, all prompts in one call."""
    ends = sorted(policy.chats.end_ids)
    config = GenerationConfig(
        do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=most_new, num_return_sequences=k,
        eos_token_id=ends, pad_token_id=ends[0],
    )  # fmt: skip
    synchronize(policy.device)
    start = time.perf_counter()
    ids = policy.prompt_ids(prompts)
    results = policy.model.generate_batch(ids, generation_config=config)
    synchronize(policy.device)
    seconds = time.perf_counter() - start
    failed = [result.error for result in results.values() if result.error is not None]
    if failed or len(results) != k * len(prompts):
        raise RuntimeError(
            f"{len(results) - len(failed)} of {k * len(prompts)} answers came back: {failed[:1]}"
        )
    lengths = [(len(result.prompt_ids), len(result.generated_tokens)) for result in results.values()]
    return Drawn(lengths, seconds)


def by_length(policy: LoadedPolicy, prompts: Sequence[Prompt]) -> list[Prompt]:
    """Longest first."""
    lengths = [len(ids) for ids in policy.prompt_ids(prompts)]
    return [prompts[place] for place in sorted(range(len(prompts)), key=lambda place: -lengths[place])]


def _answer_lengths(new: torch.Tensor, ends: Sequence[int]) -> Iterator[int]:
    """Tokens up to the first end token of each row, that one included."""
    stops = torch.isin(new, torch.tensor(ends, device=new.device))
    first = torch.where(stops.any(-1), stops.int().argmax(-1) + 1, new.shape[1])
    yield from first.tolist()
