"""Answers drawn in this process, on any device: the model's own key-value cache, one row an answer.

What makes it fast: prompts sorted by length, so that a batch has little padding; each prompt read once and its cache
repeated for its k answers; a cache that grows in place; finished rows leave the batch. Each answer has its own
random stream (see `policy.draws`). The batches, and so the last bits of the logits, are a function of the prompts
in the call; nothing else matters.

On CUDA `policy.continuous` takes this module's place. Left out: the model's own generation defaults (repetition
penalties and the like). The settings alone decide, or the recorded log-probabilities would not be the policy's.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from policy.decode import Answer, Batch, can_drop_rows, decode_by_generate, decode_rows
from policy.draws import sample_seed, settings_hash, uniforms
from policy.model import LoadedPolicy
from policy.settings import SamplerSettings
from store.records import Prompt, Purpose, Sample

_WINDOW = 4096
"""Prompts read, sorted and cut into batches at once: bounds memory, whatever the number of prompts."""


class LocalSampler:
    """A `policy.contract.Sampler` on a loaded policy."""

    def __init__(self, policy: LoadedPolicy, settings: SamplerSettings) -> None:
        self._policy = policy
        self._settings = settings
        self._hash = settings_hash(settings)
        self._decode = decode_rows if can_drop_rows(policy.model) else decode_by_generate

    @property
    def revision(self) -> str:
        return self._policy.revision

    def sample(
        self, prompts: Iterable[Prompt], k: int, seed: int, *, round: int = 0, purpose: Purpose = "train"
    ) -> Iterator[Sample]:
        """`k` samples of each prompt, batch by batch. Raises `PromptTooLong` before a window of prompts is sampled.

        `Sample.logprob` sums over the generated tokens, end token included where it came, at temperature 1 and
        without top-p; `Sample.tokens` leaves the end token out.
        """
        rest = iter(prompts)
        while window := list(islice(rest, _WINDOW)):
            encoded = self._policy.prompt_ids(window)
            for places in length_batches(list(map(len, encoded)), k, self._settings):
                chosen = [window[place] for place in places]
                seeds = [
                    sample_seed(seed, round, purpose, prompt.id, index)
                    for prompt in chosen
                    for index in range(k)
                ]
                answers = self._decode(
                    self._policy, self._batch([encoded[place] for place in places], k, seeds)
                )
                for row, (answer, drawn_with) in enumerate(zip(answers, seeds, strict=True)):
                    yield self._record(chosen[row // k], row % k, drawn_with, answer, round, purpose)

    def _batch(self, prompts: Sequence[Sequence[int]], k: int, seeds: Sequence[int]) -> Batch:
        draws = np.stack([uniforms(seed, self._settings.max_new_tokens) for seed in seeds])
        return Batch(prompts, k, draws, self._settings.temperature, self._settings.top_p)

    def _record(
        self, prompt: Prompt, index: int, seed: int, answer: Answer, round: int, purpose: Purpose
    ) -> Sample:
        spoken = answer.ids[:-1] if answer.ended else answer.ids
        return Sample(
            prompt_id=prompt.id,
            policy=self.revision,
            round=round,
            purpose=purpose,
            index=index,
            seed=seed,
            settings=self._hash,
            text=self._policy.chats.text(spoken),
            tokens=len(spoken),
            finish_reason="stop" if answer.ended else "length",
            logprob=answer.logprob,
        )


def length_batches(lengths: Sequence[int], k: int, settings: SamplerSettings) -> Iterator[list[int]]:
    """Places of prompts, longest first, cut so that prompts and new tokens of a batch stay under `batch_tokens`.

    A single prompt whose `k` answers are over the limit is a batch of its own. Longest first, so that a device too
    small for the settings says so at once.
    """
    order = sorted(range(len(lengths)), key=lambda place: (-lengths[place], place))
    while order:
        rows = settings.batch_tokens // (lengths[order[0]] + settings.max_new_tokens)
        size = max(1, rows // k)
        yield order[:size]
        order = order[size:]
