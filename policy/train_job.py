"""One training job, in a process of its own: `python -m policy.train_job JOB.json`.

trl patches the model it trains and holds memory to the end, so each round trains in a fresh process that is told
everything by a file. Work stands in `<output_dir>.work` until it is whole: the encoded pairs, trl's cache of
reference log-probabilities and the checkpoints of the optimizer. Run again after a crash, it goes on from there.

Full weights are kept in float32, the precision they are trained in, for in bfloat16 the small steps of a round would
be rounded away; merged LoRA weights in the precision of the weights they are merged into.
"""

import json
import math
import shutil
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import torch
import transformers
import trl
from accelerate import PartialState
from transformers import AutoModelForCausalLM, AutoTokenizer

from policy.checkpoint import move_into_place, policy_files
from policy.contract import TrainJob
from policy.dpo import COMPLETE, Checkpoints, PairTrainer, dpo_config
from policy.job_files import RESULT, checkpoints_folder, job_hash, work_folder
from policy.model import chats_of, choose_device, choose_dtype
from policy.pair_dataset import encode_pairs, open_pairs
from policy.settings import LoraSettings
from policy.source import check_folder
from policy.train_metrics import MetricsLog
from policy.training import check_training, plan_training


def run_job(job: TrainJob) -> None:
    """Train the job to the end and move the finished policy to its place."""
    started = time.monotonic()
    check_training(job.train)
    check_folder(job.model_path, job.policy)
    work = work_folder(job)
    device = choose_device(job.policy.device)
    state = PartialState(cpu=device.type == "cpu")
    tokenizer = AutoTokenizer.from_pretrained(job.model_path, trust_remote_code=job.policy.trust_remote_code)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model, half = _load(job, device)
    with state.main_process_first():
        encoded = work / "pairs.arrow"
        counts = encode_pairs(job.pairs_file, chats_of(job.policy, tokenizer, model.generation_config),
                              job.train.max_length, encoded)  # fmt: skip
    plan = plan_training(job.train, model.num_parameters(), state.num_processes, device.type != "cpu")
    steps = math.ceil(counts["trained_pairs"] / job.train.batch_size) * math.ceil(job.train.epochs)
    resumed = _last_checkpoint(checkpoints_folder(job))
    log = MetricsLog(job.metrics_file, job.tensorboard_dir, _step(resumed)) if state.is_main_process else None
    trainer = PairTrainer(
        model=model,
        args=dpo_config(job, plan, checkpoints_folder(job), half, steps, device.type == "cpu"),
        train_dataset=open_pairs(encoded),
        processing_class=tokenizer,
        peft_config=None if job.train.lora is None else _lora(job.train.lora),
        callbacks=[Checkpoints(), *([log] if log else [])],
    )
    trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
    if log:
        log.close()
    seconds = time.monotonic() - started
    counts |= {"steps": trainer.state.global_step, "resumed_at_step": _step(resumed)}
    _finish(job, trainer, {"counts": counts | {"seconds": round(seconds, 3)}, "plan": vars(plan)})


def _load(job: TrainJob, device: torch.device) -> tuple[Any, str | None]:
    """The policy to train, and the mixed precision to train it in."""
    dtype = choose_dtype(job.policy.dtype, device)
    half = None
    if device.type != "cpu":
        half = {torch.bfloat16: "bf16", torch.float16: "fp16"}.get(dtype)
    kept = torch.bfloat16 if job.train.lora is not None and half == "bf16" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(
        job.model_path,
        dtype=kept,
        use_safetensors=True,
        trust_remote_code=job.policy.trust_remote_code,
        attn_implementation=None if job.policy.attention == "auto" else job.policy.attention,
    )
    return model, half


def _lora(settings: LoraSettings) -> Any:
    from peft import LoraConfig  # noqa: PLC0415 (needed for LoRA only)

    return LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=settings.target_modules,
        task_type="CAUSAL_LM",
    )


def _finish(job: TrainJob, trainer: PairTrainer, result: dict[str, Any]) -> None:
    """Write the trained policy beside its place, with the files that are the same as before, and move it there."""
    finished = work_folder(job) / "finished"
    if trainer.is_world_process_zero():
        shutil.rmtree(finished, ignore_errors=True)
    if job.train.lora is None:
        trainer.save_model(str(finished))
    elif trainer.is_world_process_zero():
        trainer.accelerator.unwrap_model(trainer.model).merge_and_unload().save_pretrained(finished)
    if not trainer.is_world_process_zero():
        return
    for path in [*finished.glob("*.bin"), *finished.glob("tokenizer*"), *finished.glob("*.jinja")]:
        path.unlink()
    for path in policy_files(job.model_path):
        if path.suffix != ".safetensors" and path.name not in {"config.json", "model.safetensors.index.json"}:
            shutil.copyfile(path, finished / path.name)
    if job.policy.chat_template is not None:
        shutil.copyfile(job.policy.chat_template, finished / "chat_template.jinja")
    versions = {module.__name__: module.__version__ for module in (torch, transformers, trl)}
    record = result | {"job": job_hash(job), "versions": versions, "device": str(trainer.accelerator.device)}
    (finished / RESULT).write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    shutil.rmtree(job.output_dir, ignore_errors=True)
    move_into_place(finished, job.output_dir)


def _last_checkpoint(folder: Path) -> Path | None:
    """The latest checkpoint that was written whole; the remains of others are removed."""
    found: list[Path] = []
    for path in folder.glob("checkpoint-*"):
        if (path / COMPLETE).exists():
            found.append(path)
        elif PartialState().is_main_process:
            shutil.rmtree(path, ignore_errors=True)
    return max(found, key=_step, default=None)


def _step(checkpoint: Path | None) -> int:
    return 0 if checkpoint is None else int(checkpoint.name.removeprefix("checkpoint-"))


def main(arguments: list[str]) -> None:
    """Entry of the process: one argument, the job's file."""
    warnings.simplefilter("ignore", FutureWarning)
    run_job(TrainJob.model_validate_json(Path(arguments[0]).read_text("utf-8")))


if __name__ == "__main__":
    main(sys.argv[1:])
