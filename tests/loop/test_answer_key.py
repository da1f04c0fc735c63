"""Nothing that samples, judges, pairs, trains or decides reads the starter's answer key."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from loop.config import parse_config
from loop.rounds import run
from loop.summary import RunSummary
from policy.starter import answer_key
from policy.starter.build import ensure_starter
from prompts.hashing import derive_seed
from prompts.prompt import Prompt

KEY = "policy.starter.answer_key"
PROJECT = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["importlinter"]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_every_import_contract_is_checked_and_kept() -> None:
    done = lint(Path.cwd())
    assert done.returncode == 0, done.stdout
    for contract in PROJECT["contracts"]:
        assert f"{contract['name']} KEPT" in done.stdout
    assert f"Contracts: {len(PROJECT['contracts'])} kept, 0 broken." in done.stdout


@pytest.mark.parametrize(
    "reader", ["loop/gate.py", "policy/sampler.py", "policy/starter/tasks.py", "judge/local.py"]
)
def test_a_stage_that_imports_the_key_breaks_a_contract(reader: str, tmp_path: Path) -> None:
    shutil.copy("pyproject.toml", tmp_path)
    for package in PROJECT["root_packages"]:
        shutil.copytree(package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / reader).open("a") as module:
        module.write(f"\nimport {KEY}\n")
    done = lint(tmp_path)
    assert done.returncode == 1, done.stdout
    assert "the answer key is for the report and the simulated reviewer alone BROKEN" in done.stdout


def test_what_the_stages_run_on_does_not_even_load_the_key() -> None:
    program = (
        f"import sys, judge.api, judge.local, loop.round, policy.train_job; print({KEY!r} in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def played(output: Path) -> RunSummary:
    """Two rounds of a barely trained starter that judges itself, with nobody to label."""
    tree: dict[str, Any] = {
        "seed": 3,
        "rounds": 2,
        "output": str(output),
        "prompts": {"source": "starter", "max_train": 24, "max_heldout": 16},
        "policy": {"model": str(ensure_starter(steps=1)), "device": "cpu"},
        "sampler": {"k": 2, "max_new_tokens": 8},
        "judge": {"template": "starter", "constitution": "starter", "min_label_mass": 0.0},
        "spot_check": {"random": 0},
        "pairs": {"min_confidence": 0.5001},
        "gate": {"evidence": "judge", "patience": 9},
        "drift": {"block": "none"},
    }
    return run(parse_config(tree, "test"))


@pytest.mark.slow
def test_a_scrambled_key_changes_the_true_scores_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = played(tmp_path / "plain")

    def scrambled(prompt: Prompt, answer: str) -> float:
        return derive_seed("scrambled", prompt.id, answer) / 2**63

    monkeypatch.setattr(answer_key, "true_score", scrambled)
    monkeypatch.setattr("loop.true_score.true_score", scrambled)
    other = played(tmp_path / "scrambled")

    files = [sorted((tmp_path / name).glob("run/round-*/pairs.jsonl")) for name in ("plain", "scrambled")]
    assert len(files[0]) == len(files[1]) == 2
    for one, two in zip(*files, strict=True):
        assert one.read_bytes() == two.read_bytes() != b""
    blind = {"report", "wall_seconds", "rounds"}
    assert plain.model_dump(exclude=blind) == other.model_dump(exclude=blind)
    for one, two in zip(plain.rounds, other.rounds, strict=True):
        assert one.true_score is not None
        assert one.true_score != two.true_score
        blind = {"true_score", "seconds"}
        assert one.model_dump(exclude=blind) == two.model_dump(exclude=blind)
