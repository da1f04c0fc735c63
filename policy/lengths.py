"""Which prompts a policy can read, said by its tokenizer and configuration before any weight is loaded.

A prompt needs room for a whole answer: one that leaves less than `new_tokens` would have its answers cut where the
context ends instead of where the settings say, or could not be answered at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer, GenerationConfig

from policy.chat import Chats
from policy.model import chats_of
from policy.settings import PolicySettings
from store.records import Prompt

_AT_ONCE = 4096
"""Prompts encoded at once: bounds memory, whatever the number of prompts."""


@dataclass(frozen=True)
class OverLength:
    """Prompts that leave no room. `context` is what the policy reads, in tokens; None sets no limit.

    `lengths` maps each prompt's id to its own length in tokens, the chat template's included.
    """

    context: int | None
    lengths: dict[str, int]


def over_length(
    settings: PolicySettings, folder: Path, prompts: Sequence[Prompt], new_tokens: int
) -> OverLength:
    """The prompts that leave less than `new_tokens` tokens for an answer of the policy in `folder`.

    Raises `policy.errors.ChatTemplateError` where its tokenizer cannot render chats.
    """
    config = AutoConfig.from_pretrained(folder, trust_remote_code=settings.trust_remote_code)
    context: int | None = getattr(config.get_text_config(), "max_position_embeddings", None)
    if context is None:
        return OverLength(None, {})
    chats = _chats(settings, config, folder)
    found: dict[str, int] = {}
    for start in range(0, len(prompts), _AT_ONCE):
        window = prompts[start : start + _AT_ONCE]
        lengths = map(len, chats.prompt_ids([prompt.messages for prompt in window]))
        found |= {p.id: n for p, n in zip(window, lengths, strict=True) if n + new_tokens > context}
    return OverLength(context, found)


def _chats(settings: PolicySettings, config: Any, folder: Path) -> Chats:
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=settings.trust_remote_code)
    if (folder / "generation_config.json").is_file():
        return chats_of(settings, tokenizer, GenerationConfig.from_pretrained(folder))
    return chats_of(settings, tokenizer, GenerationConfig.from_model_config(config))
