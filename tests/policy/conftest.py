"""Tiny policies with random weights, of several architectures, made on the spot."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from policy.model import LoadedPolicy, load_policy
from policy.settings import PolicySettings
from store.records import Prompt

TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'user' %}<|user|>{{ m['content'] }}<|end|>"
    "{% elif m['role'] == 'system' %}<|system|>{{ m['content'] }}<|end|>"
    "{% else %}<|assistant|>{{ m['content'] }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)

SIZES = {"vocab_size": 400, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
         "intermediate_size": 64, "max_position_embeddings": 256}  # fmt: skip
GROUPED = SIZES | {"num_key_value_heads": 2, "head_dim": 8, "tie_word_embeddings": False}

ARCHITECTURES: dict[str, dict[str, object]] = {
    "llama": GROUPED,
    "qwen2": {k: v for k, v in GROUPED.items() if k != "head_dim"},
    "qwen3": GROUPED,
    "gpt2": {"vocab_size": 400, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256},
    "gpt_neox": SIZES,
    "gemma": GROUPED,
    "gemma2": GROUPED | {"sliding_window": 16},
    "gemma3_text": GROUPED | {"sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"]},
    "mistral": GROUPED | {"sliding_window": 16},
    "bloom": {"vocab_size": 400, "hidden_size": 32, "n_layer": 2, "n_head": 4},
    "lfm2": GROUPED | {"layer_types": ["conv", "full_attention"], "block_ff_dim": 64},
    "mamba": {"vocab_size": 400, "hidden_size": 32, "num_hidden_layers": 2},
}

TEXT = [
    "What day comes after Monday? The day after Monday is Tuesday.",
    "How do I fold a paper plane? Take a sheet, fold it in half, then fold the corners to the middle.",
    "Question Answer Better: A B better worse the first the second, is it right or wrong?",
    "What is the capital of France? Paris is the capital of France. As an AI language model I cannot say.",
]


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of 400 tokens with a chat template; `<|end|>` ends a turn."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(TEXT * 4, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|pad|>",
        extra_special_tokens=["<|user|>", "<|assistant|>", "<|system|>"],
    )  # fmt: skip
    fast.chat_template = TEMPLATE
    return fast


def save_tiny(folder: Path, architecture: str, seed: int = 0, scale: float = 25.0) -> Path:
    """Write a tiny random model; its output layer is scaled up so that distributions are not flat."""
    torch.manual_seed(seed)
    tokenizer = tiny_tokenizer()
    config = AutoConfig.for_model(architecture, **ARCHITECTURES[architecture])
    config.eos_token_id = tokenizer.eos_token_id
    config.pad_token_id = tokenizer.pad_token_id
    config.bos_token_id = None
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() >= 2 and "conv" not in name and "A_log" not in name:
                weight.mul_(scale)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def make(architecture: str) -> Path:
        if architecture not in made:
            made[architecture] = save_tiny(tmp_path_factory.mktemp("tiny") / architecture, architecture)
        return made[architecture]

    return make


@pytest.fixture
def cpu_settings() -> PolicySettings:
    return PolicySettings(model="tiny", device="cpu", dtype="float32")


@pytest.fixture
def tiny_policy(
    tiny_folder: Callable[[str], Path], cpu_settings: PolicySettings
) -> Callable[[str], LoadedPolicy]:
    return lambda architecture: load_policy(cpu_settings, tiny_folder(architecture))


@pytest.fixture
def prompts() -> list[Prompt]:
    """Prompts of mixed lengths."""
    texts = [" ".join(TEXT[i % 4].split()[: 2 + 3 * i % 17]) + f" {i}?" for i in range(11)]
    return [
        Prompt.model_validate({"messages": [{"role": "user", "content": t}], "split": "train"}) for t in texts
    ]
