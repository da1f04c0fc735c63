"""Where a sample's randomness comes from: its own seed, its own stream, whoever draws it.

Torch-free, because the server sampler derives the same seeds.
"""

import json

import numpy as np
from numpy.typing import NDArray

from policy.settings import SamplerSettings
from prompts.hashing import content_hash, derive_seed
from store.records import Purpose

_DECIDING = ("kind", "temperature", "top_p", "max_new_tokens", "batch_tokens")


def settings_hash(settings: SamplerSettings) -> str:
    """Hash of the settings that decide what is sampled; the size of shards, for one, does not."""
    deciding = settings.model_dump(mode="json", include=set(_DECIDING))
    return content_hash(json.dumps(deciding, sort_keys=True))[:16]


def sample_seed(seed: int, round: int, purpose: Purpose, prompt_id: str, index: int) -> int:
    """The seed of answer `index` to a prompt in this round, in [0, 2**63)."""
    return derive_seed("sample", seed, round, purpose, prompt_id, index)


def uniforms(seed: int, count: int) -> NDArray[np.float64]:
    """`count` draws from [0, 1) of the stream that belongs to `seed` (Philox, so streams do not overlap)."""
    return np.random.Generator(np.random.Philox(key=seed)).random(count)
