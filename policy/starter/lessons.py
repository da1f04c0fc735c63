"""The three stages as batches of tries, and the loop that learns them.

The language-model head is applied only where something is to be learnt (of a judging example: the label and the
end token).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from random import Random

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from policy.starter.recipe import Recipe
from policy.starter.texts import Examples, Exchange
from policy.starter.tries import Row, Trie, batch, lay_together

ANSWERS = 4
PACKED_TOKENS = 64
POOL = 128


def lessons(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> Iterator[list[Trie]]:
    """What each optimizer step learns, stage after stage; the judging stage goes on rehearsing instructions."""
    random = Random(recipe.seed)
    examples = Examples(random)

    def tell() -> Trie:
        return lay_together(encode(tokenizer, examples.instructions(ANSWERS)))

    def judge() -> Trie:
        return lay_together(encode(tokenizer, examples.judgements(ANSWERS)))

    told = _batches(random, tell, recipe.batch_tokens)
    judged = _batches(random, judge, recipe.judge_tokens)
    yield from islice(_packed(recipe, tokenizer, examples), recipe.pretrain_steps)
    yield from islice(told, recipe.instruct_steps)
    for _ in range(recipe.judge_steps):
        yield next(judged)
        yield next(told)


def _packed(recipe: Recipe, tokenizer: PreTrainedTokenizerFast, examples: Examples) -> Iterator[list[Trie]]:
    """Lines end to end, cut into full rows."""
    stream: list[int] = []
    while True:
        while len(stream) < recipe.batch_tokens:
            written = [examples.line() + tokenizer.eos_token for _ in range(POOL)]
            stream += [token for ids in tokenizer(written)["input_ids"] for token in ids]
        cut, stream = stream[: recipe.batch_tokens], stream[recipe.batch_tokens :]
        rows = [Row(cut[start : start + PACKED_TOKENS], 1) for start in range(0, len(cut), PACKED_TOKENS)]
        yield [lay_together([row]) for row in rows]


def _batches(random: Random, draw: Callable[[], Trie], tokens: int) -> Iterator[list[Trie]]:
    """Batches of tries of like length, so that little is padding, in random order."""
    while True:
        batches: list[list[Trie]] = [[]]
        for trie in sorted((draw() for _ in range(POOL)), key=len):
            if (len(batches[-1]) + 1) * len(trie) > tokens:
                batches.append([])
            batches[-1].append(trie)
        random.shuffle(batches)
        yield from batches


def encode(tokenizer: PreTrainedTokenizerFast, exchanges: Sequence[Exchange]) -> list[Row]:
    """Each exchange through the chat template, to be learnt from the reply's first token to the end token."""
    chats = [[turn.model_dump() for turn in exchange.chat] for exchange in exchanges]
    heads = tokenizer.apply_chat_template(chats, add_generation_prompt=True, tokenize=False)
    head_ids = tokenizer(heads)["input_ids"]
    tails = tokenizer([exchange.reply + tokenizer.eos_token for exchange in exchanges])["input_ids"]
    return [Row(head + tail, len(head)) for head, tail in zip(head_ids, tails, strict=True)]


def loss_of(model: LlamaForCausalLM, tries: Sequence[Trie]) -> torch.Tensor:
    """Mean cross-entropy over what the rows in the tries are to learn."""
    part = batch(tries)
    states = model.model(
        input_ids=part.ids, position_ids=part.positions, attention_mask=part.sees, use_cache=False
    ).last_hidden_state
    # Not states[sources]: its gradient adds up repeated places in whatever order the threads arrive.
    logits = model.lm_head(states.flatten(0, 1).index_select(0, part.sources))
    losses = torch.nn.functional.cross_entropy(logits, part.targets, reduction="none")
    return (losses * part.weights).sum() / part.weights.sum()


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
    for step, tries in enumerate(lessons(recipe, tokenizer)):
        warm = min(1.0, (step + 1) / recipe.warmup_steps)
        share = 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * warm * share
        torch.autograd.backward(loss_of(model, tries))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        progress(step + 1, recipe.steps)
    model.eval()
