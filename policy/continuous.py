"""Answers through transformers' continuous batching: paged attention, rows join and leave at every step.

For CUDA. The prompt is read once and its cache forked for the other k - 1 answers. All requests of a call are queued
before the generation loop starts, for a running loop would batch them by when they happen to arrive, and prefixes
are not cached between calls; so a call depends on nothing but itself. The engine draws all answers of a call from one
stream: its seed, derived from all prompts of the call, is recorded with each of them.

The engine reports failures as data or not at all. Here answers are counted; prompts with a missing or failed answer
are drawn again, once, and then it is an error. The engine with its cache is kept with the policy between calls of
like size and leaves memory for judging; `LoadedPolicy.close` frees it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import ContinuousBatchingConfig, GenerationConfig
from transformers.generation.continuous_batching.utils import WorkloadHints

from policy.drawing import Drawn, Request
from policy.errors import SamplingFailed
from policy.model import LoadedPolicy
from policy.settings import SamplerSettings
from prompts.hashing import derive_seed

_MEMORY_SHARE = 0.5
"""Of the device's free memory, for the engine at most: the rest is for judging, and for a second policy."""

_LAYERS = frozenset({"full_attention", "sliding_attention"})

Found = list[tuple[list[int], float | None]]
"""The answers to one prompt: token ids and log-probability of each."""


def runs_continuously(model: Any) -> bool:
    """Whether continuous batching can run the model: attention layers only, full or sliding."""
    layers = set(getattr(model.config.get_text_config(), "layer_types", None) or ["full_attention"])
    stateful = getattr(model, "_is_stateful", False)
    return hasattr(model, "init_continuous_batching") and not stateful and layers <= _LAYERS


@dataclass(frozen=True)
class EngineSize:
    """What an engine is made for: its settings, answers a prompt, tokens of the longest sequence, answers at once."""

    settings: SamplerSettings
    k: int
    tokens: int
    answers: int

    def holds(self, other: "EngineSize") -> bool:
        """Whether an engine of this size can do the work of `other`."""
        same = (self.settings, self.k) == (other.settings, other.k)
        return same and self.tokens >= other.tokens and self.answers >= other.answers


class ContinuousDrawing:
    """A `policy.drawing.Drawing` by continuous batching. `page` is the tokens of one page of the cache."""

    def __init__(self, policy: LoadedPolicy, settings: SamplerSettings, page: int = 256) -> None:
        self._policy = policy
        self._settings = settings
        self._page = page

    def draw(self, request: Request) -> Iterator[Drawn]:
        """All answers of the request. Raises `SamplingFailed` where some are missing after a second try."""
        missing = sorted(range(len(request.ids)), key=lambda place: (-len(request.ids[place]), place))
        reason = ""
        for attempt in range(2):
            names = [request.prompts[place].id for place in missing]
            seed = derive_seed(
                "call", request.seed, request.round, request.purpose, request.k, attempt, names
            )
            found, reason = self._run([request.ids[place] for place in missing], request.k, seed)
            for place, answers in zip(missing, found, strict=True):
                for index, (ids, logprob) in enumerate(answers or ()):
                    yield Drawn(place, index, seed, ids, ids[-1] in self._policy.chats.end_ids, logprob)
            missing = [place for place, answers in zip(missing, found, strict=True) if answers is None]
            if not missing:
                return
            self._policy.drop_engine()
        raise SamplingFailed(
            f"Continuous batching left {len(missing)} of {len(request.ids)} prompts without all their answers, twice "
            f"({reason}). If memory ran out, lower sampler.max_new_tokens or sampler.shard_prompts."
        )

    def _run(self, prompts: Sequence[Sequence[int]], k: int, seed: int) -> tuple[list[Found | None], str]:
        """The answers to each prompt, None where one of them is missing or failed; and a reason for those."""
        # Greedy answers are all the same, and the engine refuses to draw several.
        width = 1 if self._settings.temperature == 0.0 else k
        longest = len(prompts[0]) + self._settings.max_new_tokens
        devices = [self._policy.device] if self._policy.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            engine = self._engine(EngineSize(self._settings, width, longest, len(prompts) * width))
            torch.manual_seed(seed)
            # An engine that has run before counts as stopping, and drops what it is given, until it is started.
            engine.background_thread_status.clear()
            names = [
                engine.add_request(list(ids), max_new_tokens=self._room(ids), eos_token_id=self._end_ids)
                for ids in prompts
            ]
            engine.start()
            try:
                results, reason = _collect(engine, len(prompts) * width)
            finally:
                engine.stop(block=True, keep_for_next_session=True)
        found: list[Found | None] = []
        for name in names:
            answers = [
                results.get(each) for each in [name, *(f"{name}__child#{i}" for i in range(width - 1))]
            ]
            whole = [self._answer(result) for result in answers if result is not None]
            found.append(whole * (k // width) if len(whole) == width else None)
        return found, reason

    def _answer(self, result: Any) -> tuple[list[int], float | None]:
        # The engine's log-probabilities are those of the tempered distribution.
        plain = self._settings.temperature == 1.0 and self._settings.top_p == 1.0
        known = plain and len(result.logprobs) == len(result.generated_tokens)
        return list(result.generated_tokens), sum(result.logprobs) if known else None

    @property
    def _end_ids(self) -> list[int]:
        return sorted(self._policy.chats.end_ids)

    def _room(self, ids: Sequence[int]) -> int:
        context = self._policy.context
        new = self._settings.max_new_tokens
        return new if context is None else min(new, int(context) - len(ids))

    def _engine(self, size: EngineSize) -> Any:
        """The policy's engine, made anew where there is none of this size. Sizes are rounded up to powers of two."""
        if isinstance(self._policy.engine, EngineSize) and self._policy.engine.holds(size):
            return self._policy.model.init_continuous_batching()
        self._policy.drop_engine()
        made = EngineSize(size.settings, size.k, _round_up(size.tokens), _round_up(size.answers))
        # Every answer may fill its pages; forks copy the prompt's, and one more page is being written.
        blocks = made.answers * (made.tokens // self._page + 2)
        engine = self._policy.model.init_continuous_batching(
            generation_config=self._generation_config(size.k),
            continuous_batching_config=ContinuousBatchingConfig(
                page_size=self._page,
                num_blocks=min(blocks, self._affordable_blocks()),
                max_requests_per_batch=min(made.answers, 1024),
                allow_block_sharing=False,
                return_logprobs=True,
                auto_switch_to_flash=False,
                max_memory_percent=_MEMORY_SHARE,
            ),
            workload_hints=WorkloadHints(made.tokens, self._settings.max_new_tokens, made.answers),
        )
        engine.warmup()
        self._policy.engine = made
        return engine

    def _affordable_blocks(self) -> int:
        """Pages for all layers that fit in our share of the device's free memory."""
        config = self._policy.model.config.get_text_config()
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        block = 2 * heads * head * config.num_hidden_layers * self._page * self._policy.dtype.itemsize
        if self._policy.device.type != "cuda":
            return max(1, int((1 << 30) / block))
        free, _ = torch.cuda.mem_get_info(self._policy.device)
        # Attention without a flash kernel reads pages into a copy, so a page costs more than itself.
        return max(1, int(free * _MEMORY_SHARE / (3 * block)))

    def _generation_config(self, k: int) -> GenerationConfig:
        sampling = self._settings.temperature > 0.0
        drawn = {"temperature": self._settings.temperature, "top_p": self._settings.top_p, "top_k": 0}
        return GenerationConfig(
            do_sample=sampling,
            max_new_tokens=self._settings.max_new_tokens,
            num_return_sequences=k,
            eos_token_id=self._end_ids,
            pad_token_id=self._end_ids[0],
            **(drawn if sampling else {}),
        )


def _collect(engine: Any, expected: int) -> tuple[dict[str, Any], str]:
    """Finished results by request, failed ones left out; and why one failed."""
    results: dict[str, Any] = {}
    reason = "the engine stopped without saying why"
    seen = 0
    while seen < expected:
        result = engine.get_result(timeout=1)
        if result is None:
            if not engine.is_running():
                break
            continue
        if not result.is_finished():
            continue
        seen += 1
        if result.error is None and result.generated_tokens:
            results[result.request_id] = result
        else:
            reason = str(result.error or "an answer without a single token")
    return results, reason


def _round_up(number: int) -> int:
    return int(2 ** math.ceil(math.log2(max(1, number))))
