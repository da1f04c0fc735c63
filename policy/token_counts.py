"""How many tokens chats are for a policy, said by its tokenizer without loading a weight."""

from collections.abc import Callable, Sequence
from pathlib import Path

from transformers import AutoConfig, AutoTokenizer, GenerationConfig

from policy.chat import Chat
from policy.model import chats_of
from policy.settings import PolicySettings


def token_counter(settings: PolicySettings, folder: Path) -> Callable[[Sequence[Chat]], list[int]]:
    """Counts the tokens of chats, template included, as the policy in `folder` reads them.

    Raises `policy.errors.ChatTemplateError` where its tokenizer cannot render chats.
    """
    config = AutoConfig.from_pretrained(folder, trust_remote_code=settings.trust_remote_code)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=settings.trust_remote_code)
    chats = chats_of(settings, tokenizer, GenerationConfig.from_model_config(config))
    return lambda some: [len(ids) for ids in chats.prompt_ids(some)]
