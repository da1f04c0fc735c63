"""Training: the same numbers every time, the right reference, and a finished policy that is whole."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from policy.contract import TrainJob
from policy.job_files import job_hash, work_folder
from policy.metrics_file import metrics_of, read_lines
from policy.model import load_policy
from policy.scorer import PolicyScorer
from policy.settings import LoraSettings, PolicySettings, TrainSettings
from policy.train_job import run_job
from policy.training import LOSSES
from store.records import Message

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")

PINNED = {1: 0.693147, 2: 0.693147, 4: 0.552876, 8: 0.343141}
"""Loss by step on the tiny Llama of seed 0: a change here changes what every run learns."""


@pytest.fixture
def make_job(tiny_folder: Callable[[str], Path], tmp_path: Path) -> Callable[..., TrainJob]:
    pairs = tmp_path / "pairs.jsonl"
    with pairs.open("w") as file:
        for n in range(24):
            chosen, rejected = (
                f"Paris is the capital {'of France' * (n % 3)}.",
                f"Monday is {'wrong ' * (n % 4)}",
            )
            row = {"prompt": [{"role": "user", "content": f"What is the capital, {n}?"}],
                   "chosen": [{"role": "assistant", "content": chosen}],
                   "rejected": [{"role": "assistant", "content": rejected}]}  # fmt: skip
            file.write(json.dumps(row) + "\n")

    def make(name: str = "out", architecture: str = "llama", **train: object) -> TrainJob:
        return TrainJob(
            policy=PolicySettings(model="tiny", device="cpu"),
            train=TrainSettings(**({"batch_size": 6, "epochs": 2.0, "learning_rate": 3e-4} | train)),
            model_path=tiny_folder(architecture),
            parent="rev_parent",
            pairs_file=pairs,
            output_dir=tmp_path / name,
            metrics_file=tmp_path / f"{name}.jsonl",
            round=1,
            seed=7,
        )

    return make


def run(job: TrainJob) -> dict[str, dict[str, float]]:
    work_folder(job).mkdir(parents=True)
    run_job(job)
    result: dict[str, dict[str, float]] = json.loads((job.output_dir / "training.json").read_text())
    return result


def test_the_trajectory_is_the_pinned_one(make_job: Callable[..., TrainJob]) -> None:
    job = make_job()
    result = run(job)
    lines = {int(line["step"]): line for line in read_lines(job.metrics_file)}
    assert list(lines) == list(range(1, 9))
    assert {step: lines[step]["loss"] for step in PINNED} == pytest.approx(PINNED, abs=2e-4)
    assert lines[1]["rewards/margins"] == pytest.approx(0.0, abs=1e-5)
    assert lines[8]["rewards/accuracies"] > 0.5
    assert result["counts"] | {"seconds": 0} == {
        "pairs": 24, "trained_pairs": 24, "over_length": 0, "steps": 8, "resumed_at_step": 0, "seconds": 0
    }  # fmt: skip


def test_the_finished_policy_is_whole_and_learnt_the_preference(make_job: Callable[..., TrainJob]) -> None:
    job = make_job(learning_rate=3e-3)
    run(job)
    assert {path.name for path in job.output_dir.iterdir()} == {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "chat_template.jinja", "training.json",
    }  # fmt: skip
    for name in ("tokenizer.json", "chat_template.jinja", "generation_config.json"):
        assert (job.output_dir / name).read_bytes() == (job.model_path / name).read_bytes()
    chats = [[Message(role="user", content="What is the capital, 3?")]] * 2
    answers = ["Paris is the capital .", "Monday is wrong "]
    before, after = (
        PolicyScorer(load_policy(job.policy, folder)).answer_logprobs(chats, answers, 4096)
        for folder in (job.model_path, job.output_dir)
    )
    assert (after[0] - after[1]) > (before[0] - before[1]) + 1.0


def test_lora_moves_the_whole_policy_from_the_same_reference(make_job: Callable[..., TrainJob]) -> None:
    job = make_job(lora=LoraSettings(r=4, alpha=8), learning_rate=1e-2)
    run(job)
    lines = read_lines(job.metrics_file)
    # The reference is the policy the pairs came from: before the first step there is no reward yet.
    assert lines[0]["loss"] == pytest.approx(math.log(2.0), abs=1e-5)
    assert lines[0]["rewards/chosen"] == pytest.approx(0.0, abs=1e-5)
    assert lines[-1]["loss"] < lines[0]["loss"] - 0.01
    names = {path.name for path in job.output_dir.iterdir()}
    assert "adapter_config.json" not in names
    before, after = (
        AutoModelForCausalLM.from_pretrained(folder).state_dict()
        for folder in (job.model_path, job.output_dir)
    )
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_a_single_step_is_not_lost_to_the_warm_up(make_job: Callable[..., TrainJob]) -> None:
    job = make_job(batch_size=24, epochs=1.0, warmup_ratio=0.1)
    assert run(job)["counts"]["steps"] == 1
    before, after = (
        AutoModelForCausalLM.from_pretrained(folder).state_dict()
        for folder in (job.model_path, job.output_dir)
    )
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_pairs_over_the_length_are_left_out_and_reported(make_job: Callable[..., TrainJob]) -> None:
    job = make_job(max_length=22)
    counts = run(job)["counts"]
    assert counts["over_length"] > 0
    assert counts["trained_pairs"] == 24 - counts["over_length"]


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains(make_job: Callable[..., TrainJob], loss: str) -> None:
    job = make_job(loss=loss, epochs=0.5, extra={"label_smoothing": 0.01})
    run(job)
    assert all(math.isfinite(value) for _, name, value in metrics_of(job.metrics_file) if name == "loss")


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["qwen3", "gpt2", "gpt_neox", "gemma3_text", "mistral"])
def test_other_architectures_train_and_load_again(
    make_job: Callable[..., TrainJob], architecture: str
) -> None:
    job = make_job(architecture=architecture, epochs=0.5)
    run(job)
    assert read_lines(job.metrics_file)[0]["loss"] == pytest.approx(math.log(2.0), abs=1e-3)
    load_policy(job.policy, job.output_dir).close()


def test_the_hash_of_a_job_is_what_it_makes(make_job: Callable[..., TrainJob], tmp_path: Path) -> None:
    job = make_job()
    assert job_hash(make_job("elsewhere")) == job_hash(job)
    assert job_hash(make_job(save_steps=5)) == job_hash(job)
    assert job_hash(make_job(beta=0.2)) != job_hash(job)
    assert job_hash(job.model_copy(update={"seed": 8})) != job_hash(job)
    shutil.copyfile(job.pairs_file, tmp_path / "other.jsonl")
    moved = job.model_copy(update={"pairs_file": tmp_path / "other.jsonl"})
    assert job_hash(moved) == job_hash(job)
    moved.pairs_file.write_text(moved.pairs_file.read_text().replace("Paris", "Rome", 1))
    assert job_hash(moved) != job_hash(job)
