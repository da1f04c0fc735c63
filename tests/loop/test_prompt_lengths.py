"""Prompts and comparisons longer than a policy reads are counted and said, and the run goes on without them."""

import json
from pathlib import Path
from typing import Any

import pytest

from loop.config import parse_config
from loop.errors import ConfigError
from loop.progress import Silent
from loop.rounds import run
from policy.lengths import over_length
from policy.settings import PolicySettings
from policy.starter.build import ensure_starter
from prompts.prompt import Message, Prompt
from store.store import Store

CONTEXT = 512
TOO_LONG = "the comparison is longer than the policy that judges reads"


class Heard(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(scope="module")
def policy() -> Path:
    return ensure_starter(steps=1)


@pytest.fixture
def tree(policy: Path, tmp_path: Path) -> dict[str, Any]:
    """A run on three short prompts of each split and, in train, three that are far too long."""
    rows = [{"prompt": f"Say {n}.", "split": split} for n in range(3) for split in ("train", "heldout")]
    for row in rows[1::2]:
        row["prompt"] = row["prompt"].replace("Say", "Now count to")
    rows += [{"prompt": f"Repeat {n}: " + "a word " * CONTEXT, "split": "train"} for n in range(3)]
    source = tmp_path / "prompts.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {
        "output": str(tmp_path),
        "rounds": 1,
        "prompts": {"source": str(source)},
        "policy": {"model": str(policy)},
        "sampler": {"k": 2, "max_new_tokens": 4},
        "judge": {"kind": "scripted", "rule": "hash"},
        "pairs": {"min_confidence": 0.99},
    }


def test_prompts_too_long_are_left_out_counted_and_said_once(tree: dict[str, Any]) -> None:
    heard = Heard()
    summary = run(parse_config(tree, "test"), progress=heard)
    assert summary.prompts.train == summary.prompts.heldout == 3
    assert summary.prompts.left_out == {"over length": 3}
    assert summary.rounds[0].samples == 6
    said = [line for line in heard.lines if "over length" in line]
    assert said == ["3 train and 3 held-out prompts; 3 left out (over length)"]
    again = Heard()
    assert run(parse_config(tree, "test"), progress=again) == summary
    assert not any("over length" in line for line in again.lines)


def test_a_run_in_which_no_prompt_leaves_room_is_refused(tree: dict[str, Any]) -> None:
    tree["sampler"]["max_new_tokens"] = CONTEXT
    with pytest.raises(ConfigError, match=f"sampler.max_new_tokens: {CONTEXT} .* reads {CONTEXT} tokens"):
        run(parse_config(tree, "test"))


def test_comparisons_too_long_for_a_local_judge_are_unscored_with_that_reason(
    tree: dict[str, Any], tmp_path: Path, policy: Path
) -> None:
    tree["judge"] = {"template": "starter", "constitution": "starter", "min_label_mass": 0.0}
    longest = longest_text(policy, tree["sampler"]["max_new_tokens"])
    with (tmp_path / "prompts.jsonl").open("a") as more:
        more.write(json.dumps({"prompt": longest, "split": "train"}) + "\n")
    heard = Heard()
    summary = run(parse_config(tree, "test"), progress=heard)
    assert f"round 1 · judge: 1 of 4 unscored, 1 because {TOO_LONG}" in heard.lines
    with Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as store:
        judged = list(store.run("run").judged(1, "train"))
    assert summary.rounds[0].verdicts == len(judged) == 4
    assert summary.rounds[0].unscored == 1
    for comparison, verdict in judged:
        too_long = comparison.prompt.text == longest
        assert verdict.unscored == (TOO_LONG if too_long else None)


@pytest.mark.slow
def test_pairs_too_long_to_train_on_are_left_out_counted_and_said(tree: dict[str, Any]) -> None:
    tree["prompts"] = {"source": "starter", "max_train": 24, "max_heldout": 8}
    tree["sampler"]["max_new_tokens"] = 16
    tree["judge"] = {"kind": "scripted", "rule": "longer"}
    tree["pairs"] = {}
    tree["train"] = {"max_length": 32}
    tree["gate"] = {"evidence": "judge"}
    heard = Heard()
    (played,) = run(parse_config(tree, "test"), progress=heard).rounds
    assert 0 < played.pairs_over_length < played.pairs
    said = f"{played.pairs_over_length} of {played.pairs} pairs left out, over train.max_length of 32 tokens"
    assert f"round 1 · train: {said}" in heard.lines


def longest_text(policy: Path, new_tokens: int) -> str:
    """A text that leaves the policy just enough room for an answer, and none for a judge's words around it."""
    texts = ["word " * count for count in range(1, CONTEXT)]
    prompts = [Prompt(messages=(Message(role="user", content=text),), split="train") for text in texts]
    too_long = over_length(PolicySettings(model=str(policy)), policy, prompts, new_tokens).lengths
    return max((prompt.text for prompt in prompts if prompt.id not in too_long), key=len)
