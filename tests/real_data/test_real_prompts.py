"""Whole rounds over public prompt sets, unchanged: all is loaded, counted and answered, however badly.

The policy is a barely trained starter that knows nothing of such questions, and the judge a script: what is held here
is that the pipeline does not care. Skipped where the data is not beside the checkout.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from loop.config import RunConfig, parse_config
from loop.rounds import run
from policy.starter.build import ensure_starter
from store.records import Prompt
from store.store import Store

DATA = Path(__file__).parents[3] / "shared" / "data"
INSTRUCTIONS = DATA / "self_instruct" / "user_oriented_instructions.jsonl"
QUESTIONS = DATA / "mt_bench" / "question.jsonl"
NEW_TOKENS = 16

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not DATA.is_dir(), reason="the public data sets are not beside the checkout"),
]


@pytest.fixture(scope="module")
def policy() -> Path:
    return ensure_starter(steps=30)


def config(source: Path, policy: Path, output: Path, **gate: Any) -> RunConfig:
    tree = {
        "rounds": 1,
        "output": str(output),
        "prompts": {"source": str(source)},
        "policy": {"model": str(policy), "device": "cpu"},
        "sampler": {"k": 2, "max_new_tokens": NEW_TOKENS},
        "judge": {"kind": "scripted", "rule": "longer", "unscored_share": 0.05},
        # Fast enough that the candidate answers otherwise, or there would be nothing to decide.
        "train": {"learning_rate": 3e-3},
        "gate": gate,
    }
    return parse_config(tree, "test")


def rows(source: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in source.read_text().splitlines()]


def stored_prompts(output: Path) -> list[Prompt]:
    with Store.open(f"sqlite:///{output / 'rlaif.db'}") as store:
        return [*store.run("run").prompts("train"), *store.run("run").prompts("heldout")]


def fits(policy: Path, text: str) -> bool:
    tokenizer = AutoTokenizer.from_pretrained(policy)
    context = json.loads((policy / "config.json").read_text())["max_position_embeddings"]
    rendered = tokenizer.apply_chat_template(
        [{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False
    )
    ids = tokenizer(rendered, add_special_tokens=False, verbose=False)["input_ids"]
    return len(ids) + NEW_TOKENS <= context


def test_a_round_over_the_user_oriented_instructions(policy: Path, tmp_path: Path) -> None:
    summary = run(config(INSTRUCTIONS, policy, tmp_path, evidence="judge"))

    texts = set()
    for row in rows(INSTRUCTIONS):
        given = row["instances"][0]["input"]
        texts.add(f"{row['instruction']}\n\n{given}" if given.strip() else row["instruction"])
    counts = summary.prompts
    assert len(rows(INSTRUCTIONS)) == 252 == len(texts) + counts.duplicates
    readable = {text for text in texts if fits(policy, text)}
    assert counts.left_out == {"over length": len(texts) - len(readable)}
    assert 0 < counts.left_out["over length"] < 252
    kept = stored_prompts(tmp_path)
    assert {prompt.text for prompt in kept} == readable
    assert len(kept) == counts.train + counts.heldout
    assert 0.1 < counts.heldout / len(kept) < 0.3

    (played,) = summary.rounds
    assert played.samples == 2 * counts.train
    assert 0 < played.unscored < played.verdicts <= counts.train
    assert played.pairs > 0
    assert played.decision in {"promote", "keep"}
    assert not played.audited
    assert "unaudited" in played.reason.lower()
    assert Path(summary.report).stat().st_size > 10_000


def test_a_round_over_mt_bench_asks_each_first_turn_and_keeps_the_incumbent_without_labels(
    policy: Path, tmp_path: Path
) -> None:
    summary = run(config(QUESTIONS, policy, tmp_path, wait="no"))

    firsts = {row["turns"][0] for row in rows(QUESTIONS)}
    readable = {text for text in firsts if fits(policy, text)}
    counts = summary.prompts
    assert len(firsts) == 80
    assert counts.left_out.get("over length", 0) == 80 - len(readable)
    kept = stored_prompts(tmp_path)
    assert {prompt.text for prompt in kept} == readable
    assert {tag for prompt in kept for tag in prompt.tags} >= {"writing", "math", "coding"}

    (played,) = summary.rounds
    assert played.samples == 2 * counts.train
    assert played.pairs > 0
    assert played.audit.labels == played.gate_labels == 0
    assert played.decision == "keep"
    assert "label" in played.reason
