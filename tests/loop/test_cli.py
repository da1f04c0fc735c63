"""The command line: what it prints, where it prints it, and what it returns."""

import json
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from judge.errors import JudgeSettingsError, JudgeStopped
from loop.cli import main
from loop.commands.outcome import Invocation
from loop.errors import ConfigError, RunStopped
from loop.exits import BAD_INPUT, INTERRUPTED, RESUMABLE, explain
from policy.checkpoint import checkpoint_of
from policy.errors import PolicyRefused, TrainingFailed
from prompts.errors import BadSource
from review.errors import UnknownItem
from review.estimates.audit import audit
from review.estimates.sentence import audit_sentence
from review.queue import vote
from store.errors import NotFound, StoreBusy
from store.records import Checkpoint

Make = Callable[..., Any]
HEAVY = {
    "torch",
    "transformers",
    "trl",
    "datasets",
    "matplotlib",
    "sqlalchemy",
    "scipy",
    "numpy",
    "loop.config",
}
COMMANDS = (
    "run", "runs", "runs show", "report", "show", "config check", "config reference", "policy list", "policy rollback",
    "policy export", "export pairs", "review next", "review status",
    "labels export", "labels import",
    "serve", "accounts list", "accounts invite", "accounts role", "accounts disable", "accounts enable",
    "accounts log-out", "accounts reset-password",
)  # fmt: skip


@pytest.fixture
def where(store_url: str, tmp_path: Path) -> list[str]:
    return ["--store", store_url, "--output", str(tmp_path)]


@pytest.fixture
def played(synthetic: Make) -> Any:
    run = synthetic(prompts=150)
    run.play(1, 0.75, 0.1)
    run.play(2, 0.75, 0.8)
    return run


def test_help_and_refusals_load_no_heavy_library() -> None:
    asked = [[*command.split(), "--help"] for command in COMMANDS] + [["--help"], ["nonsense"], ["run"]]
    script = f"""
import sys
from loop.cli import main
codes = [main(arguments) for arguments in {asked!r}]
print(codes, sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == f"{[0] * (len(COMMANDS) + 1) + [2, 2]} []"


def test_the_help_names_every_command_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for command in COMMANDS:
        assert f"\n  {command.split()[0]} " in shown
    for code in (
        "0    done",
        "1    unexpected",
        "2    bad input",
        "3    the run stopped",
        "130  interrupted",
    ):
        assert code in shown


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 2),
        (BadSource("x"), 2),
        (NotFound("x"), 2),
        (JudgeSettingsError("x"), 2),
        (PolicyRefused("x"), 2),
        (UnknownItem("x"), 2),
        (FileExistsError("x"), 2),
        (RunStopped("x"), 3),
        (JudgeStopped("x"), 3),
        (TrainingFailed("x", "tail"), 3),
        (StoreBusy("x"), 3),
        (ZeroDivisionError("x"), 1),
    ],
)
def test_every_error_tree_has_its_exit_code(error: Exception, code: int) -> None:
    assert explain(error)[0] == code


def test_an_error_shows_no_control_characters() -> None:
    assert explain(ConfigError("bad \x1b[2J key"))[1] == "rlaif: bad ⟨U+001B⟩[2J key"


def test_a_bad_configuration_is_one_message_on_stderr_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("prompts: {source: starter}\npolicy: {model: starter}\ngaet: {labels: 10}\n")
    assert main(["run", str(config)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "gaet: unknown key; did you mean gate?" in captured.err
    assert "Traceback" not in captured.err
    monkeypatch.setenv("RLAIF_DEBUG", "1")
    assert main(["run", str(config)]) == 2
    assert "Traceback" in capsys.readouterr().err
    script = f"import sys; from loop.cli import main; main(['run', {str(config)!r}]); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0


def test_config_check_says_what_a_run_would_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "configs/starter.yaml", "--set", "prompts.max_train=32"]) == 0
    shown = capsys.readouterr().out
    assert "configs/starter.yaml: fine" in shown
    assert "32 train and 400 held-out prompts from starter" in shown
    assert "a simulated reviewer gives 60 labels" in shown
    assert main(["config", "check", "configs/starter.yaml", "--set", "gate.labels=none"]) == 2
    assert "gate.labels" in capsys.readouterr().err


def test_reading_commands_make_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (
        ["runs"],
        ["runs", "show", "demo"],
        ["report", "demo"],
        ["policy", "list"],
        ["review", "status"],
    ):
        assert main([*command, "--output", str(tmp_path)]) == 2
        assert "nothing has run here yet" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("played")
def test_runs_lists_and_shows(where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", *where]) == 0
    assert "demo" in capsys.readouterr().out
    assert main(["runs", *where, "--json"]) == 0
    assert [run["run"] for run in json.loads(capsys.readouterr().out)] == ["demo"]
    assert main(["runs", "show", "demo", *where]) == 0
    shown = capsys.readouterr().out
    assert "Round 2: The judge calls the candidate better" in shown.replace("\n", " ")
    assert "simulated reviewer" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert main(["runs", "show", "demo", *where, "--json"]) == 0
    rounds = json.loads(capsys.readouterr().out)["rounds"]
    assert [r["decision"] for r in rounds] == ["promote", "keep"]
    assert main(["runs", "show", "dmeo", *where]) == 2
    assert "nearest: demo" in capsys.readouterr().err


@pytest.mark.usefixtures("played")
def test_the_store_can_be_named_by_the_environment(
    store_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLAIF_STORE", store_url)
    assert main(["runs"]) == 0
    assert "demo" in capsys.readouterr().out


@pytest.mark.usefixtures("played")
def test_the_report_is_written_where_it_says(
    where: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "demo", *where]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == tmp_path / "demo" / "report.html"
    assert path.stat().st_size > 10_000


def test_untrusted_text_is_neither_markup_nor_control(
    synthetic: Make, where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run = synthetic(prompts=12, texts=["[bold red]loud[/] \x1b[31m \u202e", "[/nonsense]"])
    run.play(1, 0.7, 0.1)
    sample = next(run.store.samples(1, "gate"))
    assert main(["show", sample.id, *where]) == 0
    assert main(["show", sample.id, "--full", *where]) == 0
    assert main(["show", sample.id, "--json", *where]) == 0
    assert main(["show", run.store.comparison(next(run.store.comparisons(1, "gate")).id).id, *where]) == 0
    shown = capsys.readouterr().out
    assert "[bold red]loud[/] ⟨U+001B⟩[31m ⟨U+202E⟩" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_show_walks_a_pair_back_and_says_what_it_cannot_find(
    played: Any, where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    pair = next(played.store.pairs(1))
    assert main(["show", pair.id[:12], *where]) == 0
    shown = capsys.readouterr().out
    for id in (pair.prompt_id, pair.chosen, pair.rejected, pair.verdict_ids[0], "synthetic judge"):
        assert id in shown
    assert main(["show", pair.id, *where, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["subject"]["id"] == pair.id
    assert main(["show", "par_ffffffffffff", *where]) == 2
    assert main(["show", "hello", *where]) == 2
    assert "Ids begin with" in capsys.readouterr().err


def test_pairs_are_exported_in_both_formats(
    played: Any, where: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = {pair.id: pair for index in (1, 2) for pair in played.store.pairs(index)}
    assert main(["export", "pairs", "demo", *where]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == len(stored)
    assert all(set(row) == {"prompt", "chosen", "rejected"} for row in rows)
    out = tmp_path / "pairs.jsonl"
    assert (
        main(["export", "pairs", "demo", "--format", "jsonl", "--round", "2", "--out", str(out), *where]) == 0
    )
    for row in map(json.loads, out.read_text().splitlines()):
        pair = stored[row["id"]]
        assert row["round"] == pair.round == 2
        assert row["chosen"] == [{"role": "assistant", "content": played.store.sample(pair.chosen).text}]
        assert row["rejected"] == [{"role": "assistant", "content": played.store.sample(pair.rejected).text}]
    assert main(["export", "pairs", "demo", "--round", "7", *where]) == 2
    assert "rounds with pairs: 1, 2" in capsys.readouterr().err


def _real_policy(folder: Path, run: Any) -> Checkpoint:
    """A checkpoint whose files are there: the weights are not, only bytes with their name."""
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text("{}")
    checkpoint = checkpoint_of(folder, round=1)
    run.store.add_checkpoint(checkpoint)
    return checkpoint


def test_a_rollback_sets_the_policy_for_the_next_round(
    played: Any, where: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = _real_policy(tmp_path / "policy", played)
    assert main(["policy", "rollback", "demo", checkpoint.id[:10], "--reason", "it was better", *where]) == 0
    assert played.store.current_policy() == checkpoint.id
    last = played.store.decisions()[-1]
    assert (last.kind, last.round, last.reason) == ("rollback", 2, "it was better")
    capsys.readouterr()
    assert main(["policy", "list", "demo", *where]) == 0
    listed = capsys.readouterr().out
    (line,) = (line for line in listed.splitlines() if checkpoint.id in line)
    assert "← ships" in line
    # A revision whose files have changed, and a thing that is no revision, are refused.
    (tmp_path / "policy" / "config.json").write_text('{"changed": true}')
    assert main(["policy", "rollback", "demo", checkpoint.id, *where]) == 2
    assert "its files have changed" in capsys.readouterr().err
    assert main(["policy", "rollback", "demo", next(played.store.pairs(1)).id, *where]) == 2
    assert "is a pair; revisions begin with rev_" in capsys.readouterr().err


def test_no_rollback_under_a_round_that_is_under_way_or_a_process_that_runs(
    played: Any, where: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = _real_policy(tmp_path / "policy", played)
    (tmp_path / "demo").mkdir()
    with FileLock(tmp_path / "demo" / "run.lock"):
        assert main(["policy", "rollback", "demo", checkpoint.id, *where]) == 3
    assert "is going on in another process" in capsys.readouterr().err
    played.play(3, 0.7, 0.5, until="judge")
    assert main(["policy", "rollback", "demo", checkpoint.id, *where]) == 3
    assert "round 3 of run demo is under way" in capsys.readouterr().err
    assert played.store.current_policy() != checkpoint.id


def test_a_policy_is_exported_with_its_provenance(
    played: Any, where: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = _real_policy(tmp_path / "policy", played)
    out = tmp_path / "taken"
    assert main(["policy", "export", "demo", str(out), "--revision", checkpoint.id, *where]) == 0
    assert (out / "model.safetensors").read_bytes() == b"weights"
    provenance = json.loads((out / "provenance.json").read_text())
    assert provenance["sha256"] == checkpoint.sha256
    assert provenance["run"]["name"] == "demo"
    capsys.readouterr()
    assert main(["policy", "export", "demo", str(out), "--revision", checkpoint.id, *where]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_a_label_given_in_the_terminal_is_kept(
    synthetic: Make,
    where: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = synthetic(prompts=20, reviewed=False)
    run.play(1, 0.7, 0.1)
    monkeypatch.setattr(sys, "stdin", StringIO("1\n3\ns\nq\n"))
    assert main(["review", "next", "--all", "--reviewer", "ada", *where]) == 0
    assert "2 labelled" in capsys.readouterr().out
    assert [label.reviewer for label in run.store.labels(1)] == ["ada", "ada"]
    assert main(["review", "status", *where]) == 0
    assert "run demo" in capsys.readouterr().out


def test_status_tells_nothing_of_the_judge_while_its_audit_is_open(
    synthetic: Make, where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run = synthetic(prompts=20, reviewed=False)
    run.play(1, 0.7, 0.1)
    items = [item for item in run.store.review_items(1, "train") if item.lane == "random"]
    for item in items[:-1]:
        vote(run.store, item.id, "ada", "left_better")
    assert main(["review", "status", *where]) == 0
    said = " ".join(capsys.readouterr().out.split())
    # Whoever answers sees no figure move with their own label.
    assert (
        f"{len(items) - 1} of {len(items)} are answered; what they say of the judge is told when all are."
        in said
    )
    assert "disagrees" not in said
    vote(run.store, items[-1].id, "ada", "left_better")
    assert main(["review", "status", *where]) == 0
    assert "the judge disagrees with people on" in " ".join(capsys.readouterr().out.split())


def test_status_tells_what_a_finished_audit_says_of_the_judge(
    synthetic: Make, where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run = synthetic(prompts=20)
    run.play(1, 0.7, 0.1)
    assert main(["review", "status", *where]) == 0
    said = " ".join(capsys.readouterr().out.split())
    decided = run.store.decisions()[0].kind
    assert audit_sentence(audit(run.store, 1), decided) in said
    assert "Round 1: the judge disagrees with the simulated reviewer on" in said


def test_the_same_run_can_be_asked_for_again_word_for_word() -> None:
    asked = Invocation(Path("my configs/a b.yaml"), 3, ["gate.labels=80", "seed=2"], "mine", None)
    assert asked.run == "mine"
    assert asked.command() == (
        "rlaif run 'my configs/a b.yaml' --rounds 3 --name mine --set gate.labels=80 --set seed=2"
    )
    assert Invocation(Path("configs/starter.yaml"), None, [], None, None).run == "starter"


def test_the_page_on_the_command_line_names_every_command_and_exit_code() -> None:
    page = Path("docs/command-line.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `rlaif ")]
    for command in COMMANDS:
        group, _, name = command.rpartition(" ")
        # In full, or by its own name in the row of its group.
        of_group = [row for row in rows if group and row.startswith(f"| `rlaif {group}")]
        assert f"`rlaif {command}" in page or any(f"`{name}`" in row for row in of_group), command
    for code in (0, 1, BAD_INPUT, RESUMABLE, INTERRUPTED):
        assert f"\n| {code} | " in page
