"""A policy in memory: weights, tokenizer, chat template, and where it runs.

Any Hugging Face causal language model with a chat template. Device and dtype are chosen here, once, and said in
`describe()`. Only safetensors are read. Weights are in evaluation mode and without gradients: training happens
in a process of its own (see `policy.trainer`).

Left out: quantised loading and models split over several devices. A served policy (`policy.server`) covers both.
"""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import is_flash_attn_2_available
from transformers.utils import logging as transformers_logging

from policy.chat import Chats
from policy.checkpoint import revision_of
from policy.errors import PolicyRefused, PromptTooLong
from policy.settings import PolicySettings
from policy.source import policy_folder
from store.records import Prompt


@dataclass
class LoadedPolicy:
    """A model ready to sample and score. `revision` is its checkpoint's id; `path` the folder it came from.

    `context` is the longest sequence it can read, in tokens, or None where its configuration sets no limit.
    """

    model: Any = field(repr=False)
    tokenizer: Any = field(repr=False)
    chats: Chats = field(repr=False)
    revision: str
    path: Path
    device: torch.device
    dtype: torch.dtype
    context: int | None
    engine: object = field(default=None, repr=False)
    """What the model's continuous batching engine was made for, while it has one (see `policy.continuous`)."""

    def describe(self) -> str:
        """One line: architecture, size, dtype, device, attention, revision."""
        parameters = sum(p.numel() for p in self.model.parameters())
        size = f"{parameters / 1e9:.2f}B" if parameters >= 1e9 else f"{parameters / 1e6:.2f}M"
        device = _device_name(self.device)
        attention = self.model.config._attn_implementation
        dtype = str(self.dtype).removeprefix("torch.")
        name = type(self.model).__name__
        return f"{name}, {size} parameters, {dtype} on {device}, {attention} attention, {self.revision}"

    def prompt_ids(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """Token ids of the prompts. Raises `PromptTooLong` where one leaves no room for a single new token."""
        encoded = self.chats.prompt_ids([prompt.messages for prompt in prompts])
        for prompt, ids in zip(prompts, encoded, strict=True):
            if self.context is not None and len(ids) >= self.context:
                raise PromptTooLong(
                    f"Prompt {prompt.id} ({prompt.source or 'no source'}) has {len(ids)} tokens and the model reads "
                    f"{self.context}. Leave it out beforehand (`policy.lengths.over_length` finds them) or shorten it."
                )
        return encoded

    def drop_engine(self) -> None:
        """Free the continuous batching engine and its cache; the next call makes a new one."""
        if self.engine is not None:
            self.model.destroy_cached_continuous_batching_manager()
            self.engine = None
            self._give_memory_back()

    def close(self) -> None:
        """Free the weights, on the device too. The policy cannot be used afterwards."""
        self.drop_engine()
        self.model = None
        self._give_memory_back()

    def _give_memory_back(self) -> None:
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        elif self.device.type == "mps":
            torch.mps.empty_cache()


def load_policy(settings: PolicySettings, path: Path | str, revision: str | None = None) -> LoadedPolicy:
    """Load the policy in the folder `path`, or the hub model of that id.

    `revision`: for a folder the checkpoint's id where the caller knows it (else the files are hashed); for a hub id
    the pinned commit (else `settings.revision`). Raises `policy.errors.PolicyRefused` before any weight is read, and
    `ChatTemplateError` where the tokenizer cannot render chats.
    """
    is_folder = Path(path).expanduser().is_dir()
    folder = policy_folder(settings, path, None if is_folder else revision or settings.revision)
    device = choose_device(settings.device)
    dtype = choose_dtype(settings.dtype, device)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=settings.trust_remote_code)
    with quiet():
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=settings.trust_remote_code,
            attn_implementation=_attention(settings.attention, device, dtype),
            **({"device_map": {"": device}} if device.type == "cuda" else {}),
        )
    model = model.to(device).eval().requires_grad_(False)
    return LoadedPolicy(
        model=model,
        tokenizer=tokenizer,
        chats=chats_of(settings, tokenizer, model.generation_config),
        revision=revision if is_folder and revision else revision_of(folder),
        path=folder,
        device=device,
        dtype=dtype,
        context=getattr(model.config.get_text_config(), "max_position_embeddings", None),
    )


def chats_of(settings: PolicySettings, tokenizer: Any, generation_config: Any) -> Chats:
    """How this policy reads and ends chats: its template, and every token that its generation defaults stop at."""
    stop = generation_config.eos_token_id
    end_ids = set(stop if isinstance(stop, list) else [stop]) | {tokenizer.eos_token_id}
    template = None if settings.chat_template is None else Path(settings.chat_template).read_text("utf-8")
    return Chats(tokenizer, end_ids - {None}, template, settings.template_arguments)


def describe_device(settings: PolicySettings) -> str:
    """What a policy of these settings runs on, such as `cpu, float32` or `cuda:0 (NVIDIA H100), bfloat16`."""
    device = choose_device(settings.device)
    dtype = str(choose_dtype(settings.dtype, device)).removeprefix("torch.")
    return f"{_device_name(device)}, {dtype}"


def _device_name(device: torch.device) -> str:
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)


def choose_device(wanted: str) -> torch.device:
    """The device `wanted` names; for `auto` CUDA, else MPS, else CPU. Raises `PolicyRefused` where it is missing."""
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(wanted)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise PolicyRefused(
            f"policy.device is {wanted} and torch {torch.__version__} sees {torch.cuda.device_count()} CUDA devices. "
            "Use auto or cpu, or install a CUDA build of torch."
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise PolicyRefused("policy.device is mps, which this machine does not have. Use auto or cpu.")
    return device


def choose_dtype(wanted: str, device: torch.device) -> torch.dtype:
    """The dtype `wanted` names; for `auto` bfloat16 on a CUDA device that has it, else float32."""
    if wanted != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[wanted]
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.float32


def _attention(wanted: str, device: torch.device, dtype: torch.dtype) -> str | None:
    if wanted != "auto":
        return wanted
    flash = device.type == "cuda" and dtype != torch.float32 and is_flash_attn_2_available()
    return "flash_attention_2" if flash else None


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' own progress bars: the loop has its own."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()
