"""One round as one would write it first with the libraries alone: `generate`, a judge that writes its verdict, trl.

Runs in a process of its own, like a script. Same policy, prompts, number of answers, comparisons, judge's wording and
pairs as the round it stands beside; its own answers are drawn and not used, so that both train on the same pairs.
"""

import sys
import time
from pathlib import Path

import torch
from datasets import load_dataset
from transformers import GenerationConfig
from trl import DPOConfig, DPOTrainer

from benchmarks.played import RUN, PlainRound, Task
from benchmarks.sampling import PLAIN_BATCH, draw_plainly
from judge.presentation import Presentation, present
from loop.config import RunConfig
from loop.wording import read_prompts
from policy.model import LoadedPolicy, choose_device, load_policy
from prompts.constitution import load_constitution
from prompts.template import JudgeTemplate, load_template
from store.records import Comparison
from store.store import Store

VERDICT_TOKENS = 8
"""The most tokens of a judge's reply."""


def play(task: Task) -> PlainRound:
    """Play the round beside the one that `benchmarks.our_round` has played before with the same configuration."""
    config = task.config
    with Store.open(config.store_url) as store:
        comparisons = list(store.run(RUN).comparisons(1, "train"))
    prompts = read_prompts(config).train
    start = time.perf_counter()
    policy = load_policy(config.policy, task.model)
    loaded = time.perf_counter()
    sampler = config.sampler
    drawn, _ = draw_plainly(policy, prompts, sampler.k, sampler.max_new_tokens, limit=float("inf"))
    sampled = time.perf_counter()
    sides, unread = judge_in_words(policy, comparisons, config)
    judged = time.perf_counter()
    pairs = train_plainly(task)
    return PlainRound(
        load_seconds=loaded - start,
        sample_seconds=sampled - loaded,
        tokens=drawn.tokens,
        judge_seconds=judged - sampled,
        comparisons=len(comparisons),
        unread=unread,
        sides=sides,
        train_seconds=time.perf_counter() - judged,
        pairs=pairs,
    )


def judge_in_words(
    policy: LoadedPolicy, comparisons: list[Comparison], config: RunConfig
) -> tuple[dict[str, bool], int]:
    """Which answer the policy names in both presentation orders, and how many replies named none.

    The same chats as the label judge's, each answered greedily with a few tokens. Where the orders disagree, there
    is no verdict.
    """
    template = load_template(config.judge.template)
    constitution = load_constitution(config.judge.constitution)
    presented = [both for c in comparisons for both in present(c, template, constitution)]
    replies = _replies(policy, presented)
    unread = 0
    sides: dict[str, bool] = {}
    for place, comparison in enumerate(comparisons):
        both = [_first_preferred(presented[at], replies[at], template) for at in (2 * place, 2 * place + 1)]
        unread += both.count(None)
        if both[0] is not None and both[0] == both[1]:
            sides[comparison.id] = both[0]
    return sides, unread


@torch.inference_mode()
def _replies(policy: LoadedPolicy, presented: list[Presentation]) -> list[str]:
    tokenizer = policy.tokenizer
    config = GenerationConfig(
        do_sample=False, max_new_tokens=VERDICT_TOKENS, eos_token_id=sorted(policy.chats.end_ids),
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    replies: list[str] = []
    for first in range(0, len(presented), PLAIN_BATCH):
        batch = presented[first : first + PLAIN_BATCH]
        chats = [[m.model_dump() for m in presentation.messages] for presentation in batch]
        texts = tokenizer.apply_chat_template(chats, tokenize=False, add_generation_prompt=True)
        encoded = tokenizer(
            texts, padding=True, add_special_tokens=False, return_tensors="pt", return_token_type_ids=False
        ).to(policy.device)
        output = policy.model.generate(**encoded, generation_config=config)
        new = output[:, encoded["input_ids"].shape[1] :]
        replies += tokenizer.batch_decode(new, skip_special_tokens=True)
    return replies


def _first_preferred(presentation: Presentation, reply: str, template: JudgeTemplate) -> bool | None:
    said = [reply.strip().startswith(label.strip()) for label in template.labels]
    if said[0] == said[1]:
        return None
    return presentation.by_sample((said[0], said[1]))[0]


def train_plainly(task: Task) -> int:
    """trl's trainer with its defaults but for learning rate and epochs, and the result saved; how many pairs it saw."""
    train = task.config.train
    dataset = load_dataset("json", data_files=str(task.pairs_file), split="train").select_columns(
        ["prompt", "chosen", "rejected"]
    )
    trainer = DPOTrainer(
        model=str(task.model),
        args=DPOConfig(
            output_dir=str(task.folder / "checkpoints"),
            num_train_epochs=train.epochs,
            report_to="none",
            use_cpu=choose_device(task.config.policy.device).type == "cpu",
            **({"learning_rate": train.learning_rate} if train.learning_rate else {}),
        ),
        train_dataset=dataset,
    )
    trainer.train()
    trainer.save_model(str(task.folder / "model"))
    return len(dataset)


if __name__ == "__main__":
    played = play(Task.model_validate_json(Path(sys.argv[1]).read_text("utf-8")))
    Path(sys.argv[2]).write_text(played.model_dump_json(), "utf-8")
