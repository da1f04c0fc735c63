"""A revision is its files, and a folder is there whole or not at all."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from policy.checkpoint import (
    checkpoint_of,
    export_checkpoint,
    hash_policy,
    move_into_place,
    verify_checkpoint,
)
from policy.errors import CheckpointDamaged


@pytest.fixture
def folder(tiny_folder: Callable[[str], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder("llama"), tmp_path / "policy"))


def test_the_same_files_elsewhere_are_the_same_revision(folder: Path, tmp_path: Path) -> None:
    elsewhere = Path(shutil.copytree(folder, tmp_path / "elsewhere"))
    (elsewhere / "README.md").write_text("a note")
    (elsewhere / "training.json").write_text("{}")
    assert hash_policy(elsewhere) == hash_policy(folder)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "tokenizer.json", "chat_template.jinja", "config.json"]
)
def test_any_file_that_decides_what_it_says_changes_the_revision(folder: Path, name: str) -> None:
    before = hash_policy(folder)
    with (folder / name).open("ab") as file:
        file.write(b" ")
    assert hash_policy(folder) != before


def test_bytes_moved_between_files_change_the_revision(tmp_path: Path) -> None:
    for name, first, second in (("a", b"12", b"3"), ("b", b"1", b"23")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.safetensors").write_bytes(first)
        (tmp_path / name / "2.safetensors").write_bytes(second)
    assert hash_policy(tmp_path / "a") != hash_policy(tmp_path / "b")


def test_a_changed_checkpoint_is_found_out(folder: Path) -> None:
    checkpoint = checkpoint_of(folder, 1, "rev_parent", "sha")
    assert checkpoint.id == f"rev_{checkpoint.sha256[:20]}"
    verify_checkpoint(checkpoint)
    (folder / "config.json").write_text("{}")
    with pytest.raises(CheckpointDamaged, match="changed"):
        verify_checkpoint(checkpoint)
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointDamaged, match="no safetensors"):
        verify_checkpoint(checkpoint)


def test_moving_into_place_leaves_nothing_behind(tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "deep").mkdir(parents=True)
    (work / "deep" / "file").write_text("x")
    move_into_place(work, tmp_path / "to" / "final")
    assert not work.exists()
    assert (tmp_path / "to" / "final" / "deep" / "file").read_text() == "x"


def test_an_export_is_the_same_policy_with_its_provenance(folder: Path, tmp_path: Path) -> None:
    checkpoint = checkpoint_of(folder, 3, "rev_parent", "sha")
    target = export_checkpoint(checkpoint, tmp_path / "out", {"run": "name"})
    assert hash_policy(target) == checkpoint.sha256
    provenance = json.loads((target / "provenance.json").read_text())
    assert provenance["parent"] == "rev_parent"
    assert provenance["run"] == "name"
    with pytest.raises(FileExistsError, match="not empty"):
        export_checkpoint(checkpoint, target)


def test_a_damaged_checkpoint_is_not_exported(folder: Path, tmp_path: Path) -> None:
    checkpoint = checkpoint_of(folder, 3)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointDamaged):
        export_checkpoint(checkpoint, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]
