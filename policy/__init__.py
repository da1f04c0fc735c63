"""Everything that touches weights: loading, sampling, scoring, training, checkpoints, the starter policy.

The only package that imports torch, transformers or trl, and it imports them when one of the names below is first
used: `import policy` is instant. See `policy.contract` for what the loop needs of a policy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from policy.checkpoint import checkpoint_of, export_checkpoint, verify_checkpoint
    from policy.errors import PolicyError
    from policy.model import LoadedPolicy, describe_device, load_policy
    from policy.sampler import LocalSampler
    from policy.scorer import PolicyScorer
    from policy.server import ServerSampler
    from policy.settings import PolicySettings, SamplerSettings, TrainSettings
    from policy.source import check_policy
    from policy.trainer import DpoTrainer
    from policy.training import check_training

_HOMES = {
    "DpoTrainer": "policy.trainer",
    "LoadedPolicy": "policy.model",
    "LocalSampler": "policy.sampler",
    "PolicyError": "policy.errors",
    "PolicyScorer": "policy.scorer",
    "PolicySettings": "policy.settings",
    "SamplerSettings": "policy.settings",
    "ServerSampler": "policy.server",
    "TrainSettings": "policy.settings",
    "check_policy": "policy.source",
    "check_training": "policy.training",
    "checkpoint_of": "policy.checkpoint",
    "describe_device": "policy.model",
    "export_checkpoint": "policy.checkpoint",
    "load_policy": "policy.model",
    "verify_checkpoint": "policy.checkpoint",
}

__all__ = [
    "DpoTrainer",
    "LoadedPolicy",
    "LocalSampler",
    "PolicyError",
    "PolicyScorer",
    "PolicySettings",
    "SamplerSettings",
    "ServerSampler",
    "TrainSettings",
    "check_policy",
    "check_training",
    "checkpoint_of",
    "describe_device",
    "export_checkpoint",
    "load_policy",
    "verify_checkpoint",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'policy' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
