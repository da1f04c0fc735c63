"""One training process under a stopwatch: `python -m benchmarks.timed_training ours|plain JOB.json MARKS.json`.

`ours` is `policy.train_job`, its trainer wrapped to note the times. `plain` is what one writes first with trl: a
DPOConfig of defaults with the model's path, one epoch, a JSON dataset; and the result saved.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

_BEGIN = time.time()

import torch  # noqa: E402 (the process's time begins before what takes longest)
from datasets import Dataset, load_dataset  # noqa: E402
from peft import LoraConfig  # noqa: E402
from transformers import TrainerCallback  # noqa: E402
from trl import DPOConfig, DPOTrainer  # noqa: E402

from benchmarks.machine import peak_bytes, synchronize  # noqa: E402
from policy import train_job  # noqa: E402
from policy.contract import TrainJob  # noqa: E402
from policy.dpo import PairTrainer  # noqa: E402
from policy.job_files import work_folder  # noqa: E402
from policy.model import choose_device  # noqa: E402


class Stopwatch(TrainerCallback):  # type: ignore[misc]
    """Notes when training begins and when each optimizer step ends."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.marks: dict[str, Any] = {"process_begin": _BEGIN, "step_ends": [], "reference_seconds": 0.0}

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.marks["train_begin"] = self.now()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.marks["step_ends"].append(self.now())

    def now(self) -> float:
        synchronize(self.device)
        return time.time()

    def write(self, path: Path) -> None:
        self.marks |= {"process_end": self.now(), "peak_bytes": peak_bytes(self.device)}
        path.write_text(json.dumps(self.marks), "utf-8")


def timed(trainer: type[DPOTrainer], stopwatch: Stopwatch) -> type[DPOTrainer]:
    """The trainer's class, with the stopwatch in it."""

    class Timed(trainer):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.add_callback(stopwatch)

        def _precompute_ref_logps(self, *arguments: Any, **options: Any) -> Dataset:
            start = stopwatch.now()
            dataset = super()._precompute_ref_logps(*arguments, **options)
            stopwatch.marks["reference_seconds"] += stopwatch.now() - start
            return dataset

    return Timed


def train_plainly(job: TrainJob, trainer: type[DPOTrainer], cpu: bool) -> None:
    """trl as it comes, on the job's model and pairs, for as many epochs as the job has."""
    folder = job.output_dir.with_name("plain")
    lora = job.train.lora
    learner = trainer(
        model=str(job.model_path),
        args=DPOConfig(
            output_dir=str(folder / "checkpoints"),
            num_train_epochs=job.train.epochs,
            report_to="none",
            use_cpu=cpu,
        ),
        train_dataset=load_dataset("json", data_files=str(job.pairs_file), split="train"),
        peft_config=lora
        and LoraConfig(
            r=lora.r, lora_alpha=lora.alpha, target_modules=lora.target_modules, task_type="CAUSAL_LM"
        ),
    )
    learner.train()
    learner.save_model(str(folder / "model"))


def main(which: str, job_file: Path, marks_file: Path) -> None:
    job = TrainJob.model_validate_json(job_file.read_text("utf-8"))
    device = choose_device(job.policy.device)
    stopwatch = Stopwatch(device)
    if which == "ours":
        vars(train_job)["PairTrainer"] = timed(PairTrainer, stopwatch)
        work_folder(job).mkdir(parents=True, exist_ok=True)
        train_job.run_job(job)
    else:
        train_plainly(job, timed(DPOTrainer, stopwatch), device.type == "cpu")
    stopwatch.write(marks_file)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
