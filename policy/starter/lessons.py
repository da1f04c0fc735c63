"""Rows of token ids with the positions to learn, cut into batches, and the loop that learns them.

Rows are right-padded and read causally, so no real token sees padding and no mask is needed; the language-model
head is applied only where something is to be learnt (of a judging example: the label and the end).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from policy.starter.recipe import Recipe
from policy.starter.texts import Examples, Exchange, statement

PACKED_TOKENS = 64
POOL_ROWS = 256


@dataclass(frozen=True)
class Row:
    """Token ids, of which those from `learn_from` on are to be predicted."""

    ids: list[int]
    learn_from: int


Batch = list[Row]


def lessons(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> Iterator[Batch]:
    """The batches of the three stages in order, one for each optimizer step."""
    random = Random(recipe.seed)
    examples = Examples(random)
    told = _batches(recipe, random, lambda n: encode(tokenizer, [examples.instruction() for _ in range(n)]))
    judged = _batches(
        recipe, random, lambda n: encode(tokenizer, [e for _ in range(n // 2) for e in examples.judgement()])
    )
    yield from islice(_packed(recipe, tokenizer, random), recipe.pretrain_steps)
    yield from islice(told, recipe.instruct_steps)
    for step in range(recipe.judge_steps):
        yield next(told if step % recipe.rehearse_every == 0 else judged)


def _packed(recipe: Recipe, tokenizer: PreTrainedTokenizerFast, random: Random) -> Iterator[Batch]:
    """Statements end to end, cut into full rows."""
    stream: list[int] = []
    while True:
        while len(stream) < recipe.batch_tokens:
            written = [statement(random) + tokenizer.eos_token for _ in range(POOL_ROWS)]
            stream += [token for ids in tokenizer(written)["input_ids"] for token in ids]
        cut, stream = stream[: recipe.batch_tokens], stream[recipe.batch_tokens :]
        yield [Row(cut[start : start + PACKED_TOKENS], 1) for start in range(0, len(cut), PACKED_TOKENS)]


def _batches(recipe: Recipe, random: Random, draw: Callable[[int], list[Row]]) -> Iterator[Batch]:
    """Batches of rows of like length, so that little is padding, in random order."""
    while True:
        batches: list[Batch] = [[]]
        for row in sorted(draw(POOL_ROWS), key=lambda row: len(row.ids)):
            if (len(batches[-1]) + 1) * len(row.ids) > recipe.batch_tokens:
                batches.append([])
            batches[-1].append(row)
        random.shuffle(batches)
        yield from batches


def encode(tokenizer: PreTrainedTokenizerFast, exchanges: Sequence[Exchange]) -> list[Row]:
    """Each exchange through the chat template, to be learnt from the reply's first token to the end token."""
    chats = [[turn.model_dump() for turn in exchange.chat] for exchange in exchanges]
    heads = tokenizer.apply_chat_template(chats, add_generation_prompt=True, tokenize=False)
    head_ids = tokenizer(heads)["input_ids"]
    tails = tokenizer([exchange.reply + tokenizer.eos_token for exchange in exchanges])["input_ids"]
    return [Row(head + tail, len(head)) for head, tail in zip(head_ids, tails, strict=True)]


def loss_of(model: LlamaForCausalLM, rows: Batch, pad: int) -> torch.Tensor:
    """Mean cross-entropy over the positions to learn."""
    width = max(len(row.ids) for row in rows)
    ids = torch.tensor([row.ids + [pad] * (width - len(row.ids)) for row in rows])
    learnt = torch.zeros_like(ids, dtype=torch.bool)
    for place, row in enumerate(rows):
        learnt[place, row.learn_from : len(row.ids)] = True
    states = model.model(input_ids=ids, use_cache=False).last_hidden_state
    logits = model.lm_head(states[:, :-1][learnt[:, 1:]])
    return torch.nn.functional.cross_entropy(logits, ids[:, 1:][learnt[:, 1:]])


def learn(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    recipe: Recipe,
    progress: Callable[[int, int], None],
) -> None:
    """Train in place: AdamW, warm-up, cosine to a tenth."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    model.train()
    for step, batch in enumerate(lessons(recipe, tokenizer)):
        warm = min(1.0, (step + 1) / recipe.warmup_steps)
        share = 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * warm * share
        torch.autograd.backward(loss_of(model, batch, tokenizer.pad_token_id))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        progress(step + 1, recipe.steps)
    model.eval()
