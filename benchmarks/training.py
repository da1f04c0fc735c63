"""DPO on the same pairs in a fresh process: trl's trainer as it comes, and ours.

Both run under the same stopwatch (`benchmarks.timed_training`): the seconds of each optimizer step, of computing the
reference beforehand where that is done, of the whole process, and the memory held at most.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Literal

from policy.contract import TrainJob
from policy.settings import LoraSettings, PolicySettings, TrainSettings

Which = Literal["ours", "plain"]

_OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}


@dataclass(frozen=True)
class Trained:
    """A training process, timed. `pairs_per_second` is without start and loading, the reference's share included."""

    pairs: int
    steps: int
    pairs_per_second: float
    process_seconds: float
    reference_seconds: float
    peak_bytes: int


class TrainingFailed(RuntimeError):
    """The process ended with an error, or did not end in time."""


def new_job(
    model: Path, pairs_file: Path, folder: Path, device: str, lora: bool, train: TrainSettings | None = None
) -> TrainJob:
    """One epoch over the pairs with our defaults, or those of `train`."""
    settings = train or TrainSettings(lora=LoraSettings() if lora else None)
    return TrainJob(
        policy=PolicySettings(model=str(model), device=device),
        train=settings,
        model_path=model,
        parent="benchmark",
        pairs_file=pairs_file,
        output_dir=folder / "candidate",
        metrics_file=folder / "metrics.jsonl",
        round=1,
        seed=1,
    )


def train_timed(which: Which, job: TrainJob, folder: Path, pairs: int, limit: float) -> Trained:
    """Run the job in a fresh process, our way or as trl comes; for the latter only its inputs are read off the job.

    Raises `TrainingFailed` with the end of the process's output.
    """
    folder.mkdir(parents=True, exist_ok=True)
    job_file, marks_file, log_file = folder / "job.json", folder / "marks.json", folder / "log.txt"
    job_file.write_text(job.model_dump_json(), "utf-8")
    command = [sys.executable, "-m", "benchmarks.timed_training", which, str(job_file), str(marks_file)]
    environment = {**os.environ, **_OFFLINE, "HF_DATASETS_CACHE": str(folder / "datasets")}
    with log_file.open("wb") as log:
        try:
            code = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                timeout=limit,
            ).returncode
        except subprocess.TimeoutExpired:
            raise TrainingFailed(f"stopped after {limit:.0f} s") from None
    if code != 0:
        tail = log_file.read_text("utf-8", errors="replace").strip().splitlines()[-3:]
        raise TrainingFailed(f"exit code {code}: {' / '.join(tail)}")
    return read_marks(json.loads(marks_file.read_text("utf-8")), pairs)


def read_marks(marks: dict[str, Any], pairs: int) -> Trained:
    """What the stopwatch's marks come to. The first step, in which the device warms up, is left out of the median."""
    ends: list[float] = marks["step_ends"]
    steps = len(ends)
    lasted = [later - earlier for earlier, later in pairwise(ends)]
    step = median(lasted) if lasted else ends[0] - marks["train_begin"]
    seconds = marks["reference_seconds"] + step * steps
    return Trained(
        pairs=pairs,
        steps=steps,
        pairs_per_second=pairs / seconds,
        process_seconds=marks["process_end"] - marks["process_begin"],
        reference_seconds=marks["reference_seconds"],
        peak_bytes=marks["peak_bytes"],
    )


def write_pairs(rows: list[dict[str, list[dict[str, str]]]], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def flops_per_pair(parameters: int, tokens: float, lora: bool) -> float:
    """Floating-point operations of one pair of `tokens` tokens (both sequences, prompts included).

    A forward pass takes 2 operations a parameter and token, gradients of activations 2, of weights 2
    (arXiv:2001.08361). Counted are the policy's passes (forward and backward) and the reference's (forward): 8, or 6
    where adapters leave the weights without gradients. Attention and recomputing activations are not counted.
    """
    return (6 if lora else 8) * parameters * tokens
