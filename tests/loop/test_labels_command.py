"""`rlaif labels`: what it writes and where, what it says, and that a refusal leaves everything as it was."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loop.cli import main
from store.store import Store
from tests.review.questions_for_review import plain, review_run

Said = tuple[int, str, str]


@pytest.fixture
def rlaif(tmp_path: Path, capsys: Any) -> Callable[..., Said]:
    """The command on a store with the run `desk`, as exit code, stdout and stderr."""
    url = f"sqlite:///{tmp_path / 'rlaif.db'}"
    with Store.open(url) as store:
        review_run(store, plain(3))

    def call(*arguments: object) -> Said:
        code = main(["labels", *map(str, arguments), "--store", url])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_tasks_go_out_and_come_back_as_labels(rlaif: Callable[..., Said], tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    code, out, err = rlaif("export", "desk", file, "--format", "jsonl", "--what", "tasks")
    assert (code, out, err) == (0, "", f"3 tasks written to {file}\n")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines[1:3]:
        line["choice"] = "left_better"
    file.write_text("\n".join(map(json.dumps, lines)))
    imported = ("import", "desk", file, "--format", "jsonl", "--reviewer", "ana")
    assert rlaif(*imported)[:2] == (
        0,
        "2 labels imported, 2 of them for estimates too (blind, on items drawn at random); 0 were there already; "
        "1 tasks are unanswered\n",
    )
    assert rlaif(*imported)[:2] == (0, "0 labels imported; 2 were there already; 1 tasks are unanswered\n")
    code, out, _ = rlaif("export", "desk", "-", "--format", "csv")
    assert code == 0
    assert out.count('"ana"') == 2


def test_a_refusal_is_a_list_on_stderr_and_no_traceback(rlaif: Callable[..., Said], tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text('task,choice\n"task_1","same"\n"task_2","lft"\n')
    code, out, err = rlaif("import", "desk", file, "--format", "csv", "--reviewer", "ana")
    assert (code, out) == (2, "")
    first, *rest = err.splitlines()
    assert first == "rlaif: nothing was imported: a row of this file cannot be. Mend and import it again:"
    assert rest[0].startswith("line 3: 'lft' is not an answer")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("import", "desk", "nowhere.csv", "--format", "csv"), "cannot read nowhere.csv: No such file"),
        (("import", "desk", ".", "--format", "csv"), "cannot read .: Is a directory"),
        (("export", "other", "x", "--format", "csv"), "there is no run 'other'"),
        (("export", "desk", "nowhere/x", "--format", "csv"), "cannot write nowhere/x: No such file"),
        (("export", "desk", "x", "--format", "trl", "--what", "form"), "trl holds no form; it holds pairs"),
        (
            ("import", "desk", "x", "--format", "csv", "--reviewer", "a", "--reviewer", "b"),
            "--reviewer is one NAME",
        ),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    rlaif: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Any, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").touch()
    code, _, err = rlaif(*arguments)
    assert code == 2
    assert told in err
    assert "Traceback" not in err


def test_an_export_that_fails_leaves_the_file_that_was_there(
    rlaif: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tasks.csv"
    file.write_text("before")

    def broken(*_: object) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", broken)
    code, _, err = rlaif("export", "desk", file, "--format", "csv", "--what", "tasks")
    assert (code, file.read_text()) == (2, "before")
    assert "No space left on device" in err
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []
