"""Answers drawn in this process, on any device.

On CUDA through transformers' continuous batching (`policy.continuous`), elsewhere batch by batch on the model's own
cache (`policy.decode`). Either way the answers are a function of the prompts in the call, `k` and the seed; nothing
else matters, so a shard that is sampled again comes out the same.

Left out: the model's own generation defaults (repetition penalties and the like). The settings alone decide, or
the recorded log-probabilities would not be the policy's.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from policy.continuous import ContinuousDrawing, runs_continuously
from policy.decode import Batch, can_drop_rows, decode_by_generate, decode_rows
from policy.drawing import Drawing, Drawn, Request
from policy.draws import sample_seed, settings_hash, uniforms
from policy.model import LoadedPolicy
from policy.settings import SamplerSettings
from store.records import Prompt, Purpose, Sample

_WINDOW = 4096
"""Prompts read, sorted and cut into batches at once: bounds memory, whatever the number of prompts."""


class LocalSampler:
    """A `policy.contract.Sampler` on a loaded policy. `drawing` replaces the way chosen for its device."""

    def __init__(
        self, policy: LoadedPolicy, settings: SamplerSettings, drawing: Drawing | None = None
    ) -> None:
        self._policy = policy
        self._hash = settings_hash(settings)
        self._drawing = drawing or choose_drawing(policy, settings)

    @property
    def revision(self) -> str:
        return self._policy.revision

    def sample(
        self, prompts: Iterable[Prompt], k: int, seed: int, *, round: int = 0, purpose: Purpose = "train"
    ) -> Iterator[Sample]:
        """`k` samples of each prompt, in the order they finish. Raises `PromptTooLong` before any is drawn of a window.

        `Sample.logprob` sums over the generated tokens, end token included where it came, at temperature 1 and
        without top-p; `Sample.tokens` leaves the end token out.
        """
        rest = iter(prompts)
        while window := list(islice(rest, _WINDOW)):
            request = Request(window, self._policy.prompt_ids(window), k, seed, round, purpose)
            for drawn in self._drawing.draw(request):
                yield self._record(request, drawn)

    def _record(self, request: Request, drawn: Drawn) -> Sample:
        spoken = drawn.ids[:-1] if drawn.ended else drawn.ids
        return Sample(
            prompt_id=request.prompts[drawn.place].id,
            policy=self.revision,
            round=request.round,
            purpose=request.purpose,
            index=drawn.index,
            seed=drawn.seed,
            settings=self._hash,
            text=self._policy.chats.text(spoken),
            tokens=len(spoken),
            finish_reason="stop" if drawn.ended else "length",
            logprob=drawn.logprob,
        )


def choose_drawing(policy: LoadedPolicy, settings: SamplerSettings) -> Drawing:
    """Continuous batching on CUDA where the model can, else batches on the model's own cache."""
    if policy.device.type == "cuda" and runs_continuously(policy.model):
        return ContinuousDrawing(policy, settings)
    return BatchDrawing(policy, settings)


class BatchDrawing:
    """Batches of like length, each answer from its own random stream (see `policy.draws`).

    Models whose cache cannot drop rows go through `generate` with the same streams, slower.
    """

    def __init__(self, policy: LoadedPolicy, settings: SamplerSettings) -> None:
        self._policy = policy
        self._settings = settings
        self._decode = decode_rows if can_drop_rows(policy.model) else decode_by_generate

    def draw(self, request: Request) -> Iterator[Drawn]:
        for places in length_batches(list(map(len, request.ids)), request.k, self._settings):
            whose = [(place, index) for place in places for index in range(request.k)]
            seeds = [
                sample_seed(request.seed, request.round, request.purpose, request.prompts[place].id, index)
                for place, index in whose
            ]
            draws = np.stack([uniforms(seed, self._settings.max_new_tokens) for seed in seeds])
            ids = [request.ids[place] for place in places]
            batch = Batch(ids, request.k, draws, self._settings.temperature, self._settings.top_p)
            answers = self._decode(self._policy, batch)
            for (place, index), seed, answer in zip(whose, seeds, answers, strict=True):
                yield Drawn(place, index, seed, answer.ids, answer.ended, answer.logprob)


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
