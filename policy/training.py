"""Training settings, checked against the installed trl and completed for the model's size. Torch-free.

Importing trl takes seconds, and a misspelt option should be refused before that. So the fields of trl's `DPOConfig`
are read off its source, without running it: what is refused is what the installed version does not know.

Reference log-probabilities are always computed beforehand with the policy the samples came from. That is the right
reference for full weights and for LoRA alike, and it cannot go stale; so the options that would move the reference
during training are refused with the others we own.
"""

import ast
import importlib.util
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from policy.errors import TrainingRefused
from policy.settings import TrainSettings

LOSSES = (
    "sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot", "aot_unpaired",
    "apo_zero", "apo_down", "discopop", "sft", "sigmoid_norm",
)  # fmt: skip
"""Every `loss_type` of trl's DPOTrainer."""

SCHEDULERS = (
    "linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup", "inverse_sqrt",
    "cosine_with_min_lr", "warmup_stable_decay",
)  # fmt: skip

OWNED = {
    "output_dir": "it is the round's work folder",
    "seed": "it derives from the run's seed",
    "data_seed": "it derives from the run's seed",
    "loss_type": "set train.loss",
    "beta": "set train.beta",
    "learning_rate": "set train.learning_rate",
    "num_train_epochs": "set train.epochs",
    "per_device_train_batch_size": "set train.device_batch_size",
    "gradient_accumulation_steps": "set train.batch_size and train.device_batch_size",
    "max_length": "set train.max_length; longer pairs are left out and counted, not cut",
    "truncation_mode": "nothing is cut",
    "warmup_steps": "set train.warmup_ratio",
    "lr_scheduler_type": "set train.scheduler",
    "weight_decay": "set train.weight_decay",
    "max_grad_norm": "set train.max_grad_norm",
    "gradient_checkpointing": "set train.gradient_checkpointing",
    "save_steps": "set train.save_steps",
    "bf16": "set policy.dtype",
    "fp16": "set policy.dtype",
    "use_cpu": "set policy.device",
    "trust_remote_code": "set policy.trust_remote_code",
    "precompute_ref_log_probs": "it is always on: the reference is the policy the samples came from",
    "sync_ref_model": "the reference is fixed: it is the policy the samples came from",
    "remove_unused_columns": "it is fixed",
    "report_to": "metrics go to the store and to TensorBoard",
    "push_to_hub": "use `rlaif policy export` and upload that",
}
"""Fields of DPOConfig that the job sets itself, and what to do instead."""


def check_training(settings: TrainSettings) -> None:
    """Refuse settings that the installed trl would not accept, naming the nearest that it would.

    Raises `policy.errors.TrainingRefused`; takes milliseconds.
    """
    _known("train.loss", settings.loss, LOSSES)
    _known("train.scheduler", settings.scheduler, SCHEDULERS)
    if settings.loss == "exo_pair" and not settings.extra.get("label_smoothing"):
        raise TrainingRefused(
            "train.loss exo_pair needs train.extra.label_smoothing above 0 (its paper recommends 0.001)."
        )
    if settings.device_batch_size and settings.batch_size % settings.device_batch_size:
        raise TrainingRefused(
            f"train.batch_size {settings.batch_size} is not a multiple of train.device_batch_size "
            f"{settings.device_batch_size}; one optimizer step is made of whole device batches."
        )
    for name in settings.extra:
        if name in OWNED:
            raise TrainingRefused(f"train.extra.{name} cannot be set here: {OWNED[name]}.")
        _known("train.extra", name, tuple(sorted(config_fields())))


@dataclass(frozen=True)
class Plan:
    """What the settings leave open, decided. `accumulation` device batches make one optimizer step."""

    learning_rate: float
    device_batch: int
    accumulation: int
    gradient_checkpointing: bool


def plan_training(settings: TrainSettings, parameters: int, processes: int, accelerator: bool) -> Plan:
    """Complete the settings for a model of `parameters` weights on `processes` devices.

    A device batch is chosen to fit common memory: on a CPU the whole batch of a small model, on an accelerator
    halved for each step in size. Raises `TrainingRefused` where the batch cannot be divided among the processes.
    """
    if settings.batch_size % processes:
        raise TrainingRefused(
            f"train.batch_size {settings.batch_size} cannot be divided among {processes} processes; use a multiple."
        )
    share = settings.batch_size // processes
    wanted = settings.device_batch_size or _device_batch(parameters, accelerator)
    if settings.device_batch_size and share % wanted:
        raise TrainingRefused(
            f"train.batch_size {settings.batch_size} gives {share} pairs to each of {processes} processes, which is "
            f"not a multiple of train.device_batch_size {wanted}."
        )
    device_batch = max(size for size in range(1, min(wanted, share) + 1) if share % size == 0)
    small = settings.lora is not None or parameters < 10_000_000
    rate = 1e-4 if small else 5e-6 if parameters < 1_000_000_000 else 5e-7
    checkpointing = settings.gradient_checkpointing
    return Plan(
        learning_rate=settings.learning_rate or rate,
        device_batch=device_batch,
        accumulation=share // device_batch,
        gradient_checkpointing=parameters >= 1_000_000_000 if checkpointing is None else checkpointing,
    )


def _device_batch(parameters: int, accelerator: bool) -> int:
    for size, on_cpu, on_accelerator in ((10_000_000, 32, 64), (200_000_000, 8, 32), (1_000_000_000, 2, 16)):
        if parameters < size:
            return on_accelerator if accelerator else on_cpu
    if not accelerator:
        return 1
    return 8 if parameters < 3_000_000_000 else 4


@cache
def config_fields() -> frozenset[str]:
    """The names of all fields of the installed trl's DPOConfig, its bases included."""
    sources = (
        ("trl", "trainer/dpo_config.py", "DPOConfig"),
        ("trl", "trainer/base_config.py", "_BaseConfig"),
        ("transformers", "training_args.py", "TrainingArguments"),
    )
    return frozenset(name for source in sources for name in _fields(*source))


def _fields(package: str, file: str, name: str) -> list[str]:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise TrainingRefused(f"{package} is not installed, and training needs it: `pip install {package}`.")
    tree = ast.parse((Path(spec.origin).parent / file).read_text("utf-8"))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    return [
        node.target.id
        for node in body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None
    ]


def _known(key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value in allowed:
        return
    near = get_close_matches(value, allowed, n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(allowed[:20])}."
    raise TrainingRefused(f"{key}: the installed trl knows no {value!r}. {hint}")
