"""Models with random weights in well-known shapes, and texts of exact length for them: no download, same speed.

The tokenizer is a list of words, one token each, as many as the model's vocabulary, so that a text of n words has n
tokens and everything from chat template to training runs as with a real model. Random weights say any token with
nearly the same probability and would almost never stop, so an answer may end with any of a fixed share of the
vocabulary: its length is then drawn from nearly a geometric distribution of the stated mean, cut at the stated most.
Nothing else about the answers means anything.
"""

import random
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import AutoModelForCausalLM, GenerationConfig, PreTrainedTokenizerFast, Qwen3Config

from policy.chat import Chats
from policy.model import LoadedPolicy
from store.records import Message, Prompt

END, UNKNOWN, LABELS = "<|end|>", "<|unknown|>", ("A", "B")
_SPECIAL = (END, UNKNOWN, "<|system|>", "<|user|>", "<|assistant|>")
_FIRST_WORD = len(_SPECIAL) + len(LABELS)
_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|> {{ message.content }} <|end|> {% endfor %}"
    "{% if add_generation_prompt %}<|assistant|> {% endif %}"
)
_AROUND = 3
"""Tokens that the template puts around a single user turn: its opening, its end, the assistant's opening."""


@dataclass(frozen=True)
class Work:
    """How much of each kind of work is measured. Lengths are in tokens; ranges are drawn from evenly.

    `mean_new` is the mean of the geometric distribution that answers' lengths come from, `most_new` where it is cut;
    `together` bounds the padded tokens of one of our sampling batches; `judgements` come in sixes; `lora` trains
    adapters instead of all weights.
    """

    prompts: int
    prompt_tokens: tuple[int, int]
    k: int
    mean_new: int
    most_new: int
    together: int
    judgements: int
    rubric_tokens: int
    judged_tokens: int
    pairs: int
    pair_prompt_tokens: tuple[int, int]
    pair_answer_tokens: tuple[int, int]
    lora: bool = False


@dataclass(frozen=True)
class Shape:
    """A Qwen3 architecture with tied embeddings, and the work it is measured on."""

    name: str
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    inner: int
    vocabulary: int
    context: int
    work: Work

    def kv_bytes(self, dtype: torch.dtype) -> int:
        """Bytes of keys and values of one token."""
        return 2 * self.layers * self.kv_heads * self.head * dtype.itemsize


_LARGE = Work(
    prompts=48, prompt_tokens=(32, 512), k=4, mean_new=64, most_new=192, together=196_608,
    judgements=192, rubric_tokens=300, judged_tokens=200,
    pairs=256, pair_prompt_tokens=(64, 320), pair_answer_tokens=(128, 512),
)  # fmt: skip
_LARGER = Work(
    prompts=48, prompt_tokens=(32, 512), k=4, mean_new=64, most_new=192, together=196_608,
    judgements=96, rubric_tokens=300, judged_tokens=200,
    pairs=96, pair_prompt_tokens=(64, 320), pair_answer_tokens=(128, 512), lora=True,
)  # fmt: skip
_TINY = Work(
    prompts=6, prompt_tokens=(8, 40), k=2, mean_new=6, most_new=12, together=1024,
    judgements=12, rubric_tokens=24, judged_tokens=12,
    pairs=64, pair_prompt_tokens=(8, 16), pair_answer_tokens=(8, 24),
)  # fmt: skip

SHAPES = {
    shape.name: shape
    for shape in (
        Shape("qwen3-0.6b", 1024, 28, 16, 8, 128, 3072, 151_936, 40_960, _LARGE),
        Shape("qwen3-4b", 2560, 36, 32, 8, 128, 9728, 151_936, 40_960, _LARGER),
        Shape("tiny", 64, 2, 4, 2, 16, 128, 512, 512, _TINY),
    )
}


def new_policy(shape: Shape, device: torch.device, dtype: torch.dtype) -> LoadedPolicy:
    """A policy of this shape with random weights, made on the device. Its answers end as the module says."""
    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(qwen3(shape), dtype=dtype)
    model.generation_config = GenerationConfig(eos_token_id=0, pad_token_id=0)
    tokenizer = new_tokenizer(shape)
    return LoadedPolicy(
        model=model.eval().requires_grad_(False),
        tokenizer=tokenizer,
        chats=Chats(tokenizer, ends(shape), None, {}),
        revision=shape.name,
        path=Path(shape.name),
        device=device,
        dtype=dtype,
        context=shape.context,
    )


def qwen3(shape: Shape) -> Qwen3Config:
    """The shape as transformers reads it."""
    return Qwen3Config(
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head,
        intermediate_size=shape.inner,
        vocab_size=shape.vocabulary,
        max_position_embeddings=shape.context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
    )


def ends(shape: Shape) -> list[int]:
    """The tokens that end an answer: the end token, and so many words that answers have the stated mean length."""
    every = shape.work.mean_new
    return [0, *range(-(-_FIRST_WORD // every) * every, shape.vocabulary, every)]


def parameters(shape: Shape) -> int:
    """How many weights a model of this shape has, the tied embedding counted once. Nothing is allocated."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(qwen3(shape))
    return sum(weight.numel() for weight in model.parameters())


def new_tokenizer(shape: Shape) -> PreTrainedTokenizerFast:
    """One token a word: special tokens, the two labels, then `w7`, `w8`, … up to the vocabulary."""
    words = [*_SPECIAL, *LABELS, *(f"w{number}" for number in range(_FIRST_WORD, shape.vocabulary))]
    model = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, UNKNOWN))
    model.pre_tokenizer = WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=model,
        eos_token=END,
        pad_token=END,
        unk_token=UNKNOWN,
        additional_special_tokens=list(_SPECIAL[2:]),
        padding_side="left",
    )
    tokenizer.chat_template = _TEMPLATE
    return tokenizer


def save_policy(policy: LoadedPolicy, folder: Path) -> None:
    """Write the policy as a folder that `policy.load_policy` and a training process read."""
    policy.model.save_pretrained(folder)
    policy.tokenizer.save_pretrained(folder)


class Texts:
    """Random texts of exact token counts for a shape, the same for the same seed."""

    def __init__(self, shape: Shape, seed: int = 0) -> None:
        self.shape = shape
        self.random = random.Random(seed)

    def words(self, count: int) -> str:
        """Words none of which may end an answer: those are control tokens, and in a text they would be spelt out."""
        every = self.shape.work.mean_new
        found = (self.random.randrange(_FIRST_WORD, self.shape.vocabulary) for _ in range(count))
        return " ".join(f"w{number if number % every else number + 1}" for number in found)

    def prompts(self) -> list[Prompt]:
        """Prompts whose lengths are drawn evenly from the shape's range, in no order."""
        work = self.shape.work
        lengths = [self.random.randint(*work.prompt_tokens) for _ in range(work.prompts)]
        return [
            Prompt(messages=(Message(role="user", content=self.words(n - _AROUND)),), split="train")
            for n in lengths
        ]

    def judgements(self) -> list[tuple[Message, ...]]:
        """Chats of a judge, two for each judgement: a shared rubric, a question, and two answers in either order.

        As in a round, each question has four answers and every two of them are judged: six judgements.
        """
        work = self.shape.work
        rubric = self.words(work.rubric_tokens)
        chats: list[tuple[Message, ...]] = []
        for _ in range(work.judgements // 6):
            question = self.words(self._around(work.judged_tokens // 4))
            answers = [self.words(self._around(work.judged_tokens)) for _ in range(4)]
            for first, second in combinations(answers, 2):
                for a, b in ((first, second), (second, first)):
                    content = f"{rubric} {question} A {a} B {b}"
                    chats.append((Message(role="user", content=content),))
        return chats

    def pairs(self) -> list[dict[str, list[dict[str, str]]]]:
        """Pairs in trl's conversational format."""
        work = self.shape.work
        return [
            {
                "prompt": [
                    {"role": "user", "content": self.words(self.random.randint(*work.pair_prompt_tokens))}
                ],
                "chosen": [self._answer()],
                "rejected": [self._answer()],
            }
            for _ in range(work.pairs)
        ]

    def _answer(self) -> dict[str, str]:
        length = self.random.randint(*self.shape.work.pair_answer_tokens)
        return {"role": "assistant", "content": self.words(length)}

    def _around(self, mean: int) -> int:
        return self.random.randint(mean // 2, mean + mean // 2)
