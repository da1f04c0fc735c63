"""Rows of token ids with the positions to learn, cut into batches, and the loop that learns them.

Rows are right-padded and read causally, so no real token sees padding and no mask is needed; the language-model
head is applied only where something is to be learnt (of a judging example: the label and the end).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from policy.starter.recipe import Recipe
from policy.starter.texts import Examples, Exchange, statement


@dataclass(frozen=True)
class Row:
    """Token ids, of which those from `learn_from` on are to be predicted."""

    ids: list[int]
    learn_from: int


@dataclass(frozen=True)
class Lesson:
    """The rows of one optimizer step: groups of like length, each learnt with its own mean loss, summed."""

    groups: tuple[list[Row], ...]


def lessons(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> Iterator[Lesson]:
    """The three stages in order; the judging stage goes on rehearsing instructions."""
    random = Random(recipe.seed)
    examples = Examples(random)
    stream: list[int] = []
    for _ in range(recipe.pretrain_steps):
        need = recipe.pretrain_rows * recipe.row_tokens
        while len(stream) < need:
            batch = [statement(random) + tokenizer.eos_token for _ in range(512)]
            stream += [i for ids in tokenizer(batch)["input_ids"] for i in ids]
        cut, stream = stream[:need], stream[need:]
        yield Lesson(([Row(cut[i : i + recipe.row_tokens], 1) for i in range(0, need, recipe.row_tokens)],))
    for _ in range(recipe.instruct_steps):
        yield Lesson((encode(tokenizer, [examples.instruction() for _ in range(recipe.instruct_rows)]),))
    for _ in range(recipe.judge_steps):
        judged = [row for _ in range(recipe.judge_rows // 2) for row in examples.judgement()]
        told = [examples.instruction() for _ in range(recipe.instruct_rows)]
        yield Lesson((encode(tokenizer, judged), encode(tokenizer, told)))


def encode(tokenizer: PreTrainedTokenizerFast, exchanges: Sequence[Exchange]) -> list[Row]:
    """Each exchange through the chat template, to be learnt from the reply's first token to the end token."""
    chats = [[turn.model_dump() for turn in exchange.chat] for exchange in exchanges]
    heads = tokenizer.apply_chat_template(chats, add_generation_prompt=True, tokenize=False)
    head_ids = tokenizer(heads)["input_ids"]
    tails = tokenizer([exchange.reply + tokenizer.eos_token for exchange in exchanges])["input_ids"]
    return [Row(head + tail, len(head)) for head, tail in zip(head_ids, tails, strict=True)]


def loss_of(model: LlamaForCausalLM, rows: list[Row], pad: int) -> torch.Tensor:
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
    for step, lesson in enumerate(lessons(recipe, tokenizer)):
        warm = min(1.0, (step + 1) / recipe.warmup_steps)
        share = 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * warm * share
        for rows in lesson.groups:
            torch.autograd.backward(loss_of(model, rows, tokenizer.pad_token_id))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        progress(step + 1, recipe.steps)
    model.eval()
