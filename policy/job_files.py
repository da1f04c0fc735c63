"""Where a training job keeps its files, and the hash that says whether two jobs are the same. Torch-free."""

import hashlib
import json
from pathlib import Path

from policy.contract import TrainJob
from prompts.hashing import content_hash

RESULT = "training.json"
"""Written into a finished checkpoint: the job's hash, counts, versions, device."""


def job_hash(job: TrainJob) -> str:
    """Hash of all that decides what the job makes: policy, settings, pairs, seed. Paths and launcher do not."""
    template = job.policy.chat_template
    decides = {
        "parent": job.parent,
        "policy": job.policy.model_dump(mode="json", exclude={"model", "revision", "chat_template"}),
        "template": template and file_sha256(Path(template)),
        "train": job.train.model_dump(mode="json", exclude={"launcher", "save_steps"}),
        "pairs": file_sha256(job.pairs_file),
        "seed": job.seed,
    }
    return content_hash(json.dumps(decides, sort_keys=True))


def work_folder(job: TrainJob) -> Path:
    """The job's work files, beside its output; another job for the same output has another folder."""
    return job.output_dir.with_name(f"{job.output_dir.name}.{job_hash(job)[:12]}.work")


def checkpoints_folder(job: TrainJob) -> Path:
    """Where the optimizer's checkpoints stand."""
    return work_folder(job) / "checkpoints"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
