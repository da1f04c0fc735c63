"""Checkpoints: what a policy's files hash to, and how a finished one appears on disk whole or not at all.

A revision is named by SHA-256 over everything that decides what the policy says: weights, configuration,
tokenizer, chat template, generation defaults. Files are taken in the order of their names, each as its name, its
length and its bytes, so neither the folder's path nor notes laid beside the weights change the name.

A checkpoint is made in a folder next to its final place, flushed to disk, and renamed. Nothing here needs torch.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from policy.errors import CheckpointDamaged
from store.records import Checkpoint

PROVENANCE = "provenance.json"
"""Written beside an exported checkpoint: its record and whatever the exporter adds."""

_PATTERNS = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "*.tiktoken")
_NOTES = frozenset({PROVENANCE, "training.json"})
_CHUNK = 1 << 22


def policy_files(folder: Path) -> Iterator[Path]:
    """The files that make up the policy in `folder`, sorted by name; notes and anything pickled are not among them."""
    found = {path for pattern in _PATTERNS for path in folder.glob(pattern) if path.is_file()}
    yield from sorted((path for path in found if path.name not in _NOTES), key=lambda path: path.name)


def hash_policy(folder: Path) -> str:
    """SHA-256 over the policy's files, 64 hexadecimal digits. Raises `CheckpointDamaged` where there are no weights."""
    digest = hashlib.sha256()
    weights = 0
    for path in policy_files(folder):
        weights += path.suffix == ".safetensors"
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    if not weights:
        raise CheckpointDamaged(f"There are no safetensors in {folder}; the checkpoint was moved or deleted.")
    return digest.hexdigest()


def revision_of(folder: Path) -> str:
    """The revision id of the policy in `folder`: `rev_` and 20 digits of its hash."""
    return f"rev_{hash_policy(folder)[:20]}"


def checkpoint_of(
    path: Path, round: int, parent: str | None = None, pairs_sha256: str | None = None
) -> Checkpoint:
    """The record of the policy in the folder `path`; reads all its files."""
    return Checkpoint(
        sha256=hash_policy(path), path=str(path), round=round, parent=parent, pairs_sha256=pairs_sha256
    )


def verify_checkpoint(checkpoint: Checkpoint) -> None:
    """Raise `CheckpointDamaged` unless the files are still the recorded ones."""
    found = hash_policy(Path(checkpoint.path))
    if found != checkpoint.sha256:
        raise CheckpointDamaged(
            f"{checkpoint.path} holds rev_{found[:20]}, recorded was {checkpoint.id}: its files have changed. "
            "Restore them, or roll back to another revision (`rlaif policy list`)."
        )


def move_into_place(work: Path, final: Path) -> None:
    """Flush every file of the folder `work` to disk and rename it to `final`, which must not hold files yet.

    Both must be on one file system. After a crash `final` is complete or absent.
    """
    for path in sorted(work.rglob("*")):
        _flush(path)
    _flush(work)
    final.parent.mkdir(parents=True, exist_ok=True)
    os.replace(work, final)
    _flush(final.parent)


def export_checkpoint(
    checkpoint: Checkpoint, folder: Path, provenance: dict[str, object] | None = None
) -> Path:
    """Copy a verified checkpoint to the new folder `folder`, with its record and `provenance` as provenance.json.

    Raises `CheckpointDamaged` when its files have changed, `FileExistsError` when `folder` is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; export to a new folder.")
    verify_checkpoint(checkpoint)
    work = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}")
    work.mkdir(parents=True)
    try:
        for path in policy_files(Path(checkpoint.path)):
            shutil.copy2(path, work / path.name)
        record = checkpoint.model_dump(mode="json") | (provenance or {})
        (work / PROVENANCE).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", "utf-8")
        move_into_place(work, folder)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return folder


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
