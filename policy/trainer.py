"""The loop's side of training: start the process, follow it, take what it made.

Idempotent: a finished job is recognised by the hash in its output and returned at once; an interrupted one goes on
from its last whole checkpoint. The process never outlives its parent, however that ends: it holds the read end of a
pipe and kills its group when the pipe closes.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from policy.checkpoint import checkpoint_of
from policy.contract import TrainJob, TrainResult
from policy.errors import TrainingFailed
from policy.job_files import RESULT, file_sha256, job_hash, work_folder
from policy.source import check_folder
from policy.train_metrics import metrics_of, read_lines
from policy.training import check_training

_POLL_S = 0.05
_TAIL_LINES = 40


class DpoTrainer:
    """A `policy.contract.Trainer`: direct preference optimization by trl in a fresh process."""

    def train(self, job: TrainJob, progress: Callable[[int, int], None]) -> TrainResult:
        """Run the job, or return what it has made already. `progress(step, steps)` as it goes.

        Raises `TrainingRefused` for settings or pairs that cannot be used, `PolicyRefused` for a policy that cannot,
        and `TrainingFailed` with the log's tail where the process ends with an error.
        """
        if finished(job):
            return _result(job)
        check_training(job.train)
        check_folder(job.model_path, job.policy)
        work = work_folder(job)
        work.mkdir(parents=True, exist_ok=True)
        job_file = work / "job.json"
        job_file.write_text(job.model_dump_json(indent=2), "utf-8")
        log_file = work / "train.log"
        with log_file.open("ab") as log:
            code = _follow(_start(job, job_file, log), job, progress)
        if code != 0 or not finished(job):
            raise TrainingFailed(
                f"Training for round {job.round} ended with exit code {code}. Its work is kept in {work}; running "
                "again goes on from the last checkpoint. The end of its log:",
                _tail(log_file),
            )
        shutil.rmtree(work, ignore_errors=True)
        return _result(job)


def finished(job: TrainJob) -> bool:
    """Whether the output is there and this very job made it."""
    record = job.output_dir / RESULT
    if not record.is_file():
        return False
    made_by: str = json.loads(record.read_text("utf-8")).get("job", "")
    return made_by == job_hash(job)


def _start(job: TrainJob, job_file: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
    launcher = job.train.launcher or [sys.executable]
    command = [*launcher, "-m", "policy.train_job", str(job_file)]
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(job),
            start_new_session=True,
        )
    except OSError as error:
        raise TrainingFailed(
            f"Cannot start `{' '.join(command)}`: {error}. Check train.launcher; without one, training runs on one "
            "device in this environment's Python."
        ) from error


def _follow(process: subprocess.Popen[bytes], job: TrainJob, progress: Callable[[int, int], None]) -> int:
    """Wait for the process, report its steps, and leave nothing running behind."""
    told = 0
    try:
        while True:
            code = process.poll()
            lines = read_lines(job.metrics_file)
            if lines and lines[-1]["step"] > told:
                told = int(lines[-1]["step"])
                progress(told, int(lines[-1]["steps"]))
            if code is not None:
                return code
            time.sleep(_POLL_S)
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and everything it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _environment(job: TrainJob) -> dict[str, str]:
    here = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))
    quiet = {
        "PYTHONPATH": path,
        "PYTHONUNBUFFERED": "1",
        "RLAIF_DIE_WITH_PARENT": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TQDM_DISABLE": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    environment = dict(os.environ) | quiet
    if not job.train.launcher:
        environment |= _one_device(job.policy.device)
    return environment


def _one_device(device: str) -> dict[str, str]:
    """Show the process one CUDA device only: trl refuses several without a launcher."""
    if device in {"cpu", "mps"}:
        return {"CUDA_VISIBLE_DEVICES": ""}
    index = int(device.partition(":")[2] or 0)
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    return {"CUDA_VISIBLE_DEVICES": str(index) if seen is None else (seen.split(",") + [""] * index)[index]}


def _result(job: TrainJob) -> TrainResult:
    record = json.loads((job.output_dir / RESULT).read_text("utf-8"))
    checkpoint = checkpoint_of(job.output_dir, job.round, job.parent, file_sha256(job.pairs_file))
    return TrainResult(checkpoint=checkpoint, metrics=metrics_of(job.metrics_file), counts=record["counts"])


def _tail(log_file: Path) -> str:
    lines = log_file.read_text("utf-8", errors="replace").splitlines()
    return "\n".join(lines[-_TAIL_LINES:])
