"""The loop's side of training: start the process, follow it, take what it made.

Idempotent: a finished job is recognised by the hash in its output and returned at once; an interrupted one goes on
from its last whole checkpoint.
"""

import json
import shutil
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from policy.checkpoint import checkpoint_of
from policy.contract import TrainJob, TrainResult
from policy.errors import TrainingFailed
from policy.guarded import tail
from policy.job_files import RESULT, file_sha256, job_hash, work_folder
from policy.metrics_file import metrics_of, read_lines
from policy.model import choose_device
from policy.source import check_folder
from policy.train_process import JobProcess, ReadyProcess
from policy.training import check_training

_POLL_S = 0.05


class DpoTrainer:
    """A `policy.contract.Trainer`: direct preference optimization by trl in a fresh process.

    On a CPU the process is forked from one that is kept ready between jobs (see `policy.train_ready`); `close`, or
    leaving the `with` block, ends that one. `prepare` starts it ahead of the first job.
    """

    def __init__(self) -> None:
        self._ready: ReadyProcess | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def prepare(self) -> None:
        """Have a process ready that needs no more imports. Returns at once; for jobs on a CPU."""
        if self._ready is None or not self._ready.alive:
            self.close()
            self._ready = ReadyProcess()
            weakref.finalize(self, self._ready.close)

    def close(self) -> None:
        """End the process that is kept ready, if there is one."""
        if self._ready is not None:
            self._ready.close()
            self._ready = None

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
        job_file, log_file = work / "job.json", work / "train.log"
        job_file.write_text(_absolute(job).model_dump_json(indent=2), "utf-8")
        code = self._run(job, job_file, log_file, progress)
        if code != 0 or not finished(job):
            raise TrainingFailed(
                f"Training for round {job.round} ended with exit code {code}. Its work is kept in {work}; running "
                "again goes on from the last checkpoint. The end of its log:",
                tail(log_file),
            )
        shutil.rmtree(work, ignore_errors=True)
        return _result(job)

    def _run(
        self, job: TrainJob, job_file: Path, log_file: Path, progress: Callable[[int, int], None]
    ) -> int:
        if job.train.launcher or choose_device(job.policy.device).type != "cpu":
            process = JobProcess(job.train.launcher, job_file, log_file, job.policy.device)
            try:
                return _follow(process.poll, job, progress)
            finally:
                process.close()
        self.prepare()
        assert self._ready is not None
        try:
            self._ready.start(job_file, log_file)
            return _follow(self._ready.poll, job, progress)
        except BaseException:
            self.close()
            raise


def finished(job: TrainJob) -> bool:
    """Whether the output is there and this very job made it."""
    record = job.output_dir / RESULT
    if not record.is_file():
        return False
    made_by: str = json.loads(record.read_text("utf-8")).get("job", "")
    return made_by == job_hash(job)


def _absolute(job: TrainJob) -> TrainJob:
    """The job as a process reads it whose working directory may be another."""
    names = ("model_path", "pairs_file", "output_dir", "metrics_file", "tensorboard_dir")
    paths = {name: path.resolve() for name in names if (path := getattr(job, name)) is not None}
    template = job.policy.chat_template
    absolute = job.policy.model_copy(update={"chat_template": template and str(Path(template).resolve())})
    return job.model_copy(update=paths | {"policy": absolute})


def _follow(poll: Callable[[], int | None], job: TrainJob, progress: Callable[[int, int], None]) -> int:
    """Wait for the job's exit code and report its steps meanwhile."""
    told = 0
    while True:
        code = poll()
        lines = read_lines(job.metrics_file)
        if lines and lines[-1]["step"] > told:
            told = int(lines[-1]["step"])
            progress(told, int(lines[-1]["steps"]))
        if code is not None:
            return code
        time.sleep(_POLL_S)


def _result(job: TrainJob) -> TrainResult:
    record = json.loads((job.output_dir / RESULT).read_text("utf-8"))
    checkpoint = checkpoint_of(job.output_dir, job.round, job.parent, file_sha256(job.pairs_file))
    return TrainResult(checkpoint=checkpoint, metrics=metrics_of(job.metrics_file), counts=record["counts"])
