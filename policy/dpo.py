"""trl's DPOTrainer, fed with pairs that are encoded already, in our own order.

Two of trl's steps are replaced: the encoding (see `policy.pair_dataset`) and the order of the data (see
`policy.pair_batches`); and the model card is left out. Loss, reference, metrics, optimizer and checkpoints are trl's
and transformers'.
"""

from pathlib import Path
from typing import Any

from datasets import Dataset
from torch.utils.data import Sampler
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl import DPOConfig, DPOTrainer

from policy.contract import TrainJob
from policy.pair_batches import PairBatches
from policy.training import Plan

COMPLETE = "complete"
"""Written into a checkpoint folder last: without it the folder is a crash's remains."""


class PairTrainer(DPOTrainer):  # type: ignore[misc]
    """A DPOTrainer on encoded pairs (columns prompt_ids, chosen_ids, rejected_ids, length)."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any, **__: Any) -> Dataset:
        return dataset

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler[int]:
        lengths = (train_dataset or self.train_dataset)["length"]
        return PairBatches(lengths, self.args.per_device_train_batch_size, self.args.seed)

    def create_model_card(self, *_: Any, **__: Any) -> None:
        pass


class Checkpoints(TrainerCallback):  # type: ignore[misc]
    """Marks each checkpoint when everything in it is written, and leaves out the one after the last step.

    What the last step leaves is the finished policy, which is written anyway; an optimizer's state beside it would be
    twice its size, for nothing.
    """

    def on_step_end(
        self,
        args: TrainingArguments,  # noqa: ARG002 (the callback's signature)
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        if state.global_step >= state.max_steps:
            control.should_save = False

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **_: Any,
    ) -> None:
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / COMPLETE).touch()


def dpo_config(job: TrainJob, plan: Plan, folder: Path, half: str | None, steps: int, cpu: bool) -> DPOConfig:
    """trl's configuration of the job. `half` is the mixed precision (bf16, fp16 or None), `steps` an estimate."""
    train = job.train
    return DPOConfig(
        output_dir=str(folder),
        seed=job.seed % 2**32,
        loss_type=train.loss,
        beta=train.beta,
        learning_rate=plan.learning_rate,
        num_train_epochs=train.epochs,
        per_device_train_batch_size=plan.device_batch,
        gradient_accumulation_steps=plan.accumulation,
        max_length=None,
        # A rising rate begins at 0, so a job of a single step would teach nothing.
        warmup_steps=train.warmup_ratio if steps > 1 else 0,
        lr_scheduler_type=train.scheduler,
        weight_decay=train.weight_decay,
        max_grad_norm=train.max_grad_norm,
        gradient_checkpointing=plan.gradient_checkpointing,
        save_strategy="steps",
        save_steps=train.save_steps,
        bf16=half == "bf16",
        fp16=half == "fp16",
        use_cpu=cpu,
        precompute_ref_log_probs=True,
        remove_unused_columns=False,
        report_to="none",
        **(
            {
                "precompute_ref_batch_size": 2 * plan.device_batch,
                "save_total_limit": 2,
                "logging_steps": max(1, steps // 500),
                "disable_tqdm": True,
                "dataloader_pin_memory": not cpu,
            }
            | train.extra
        ),
    )
