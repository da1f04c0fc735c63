"""The wheel holds all that a run needs: installed elsewhere, it checks a configuration and plays a round."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from policy.starter.build import ensure_starter

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PROJECT = tomllib.loads(Path("pyproject.toml").read_text())
TOP = sorted({name.split(".")[0] for name in PROJECT["tool"]["setuptools"]["packages"]})
CONFIG = """
rounds: 1
prompts: {source: starter, max_train: 16, max_heldout: 12}
policy: {model: "POLICY", device: cpu}
sampler: {k: 2, max_new_tokens: 8}
judge: {kind: scripted, rule: longer}
reviewer: {kind: simulated}
spot_check: {random: 5}
gate: {labels: 5, min_labels: 3}
"""


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "RLAIF"))}
    return {**kept, "HF_HUB_OFFLINE": "1"}


def done(command: Sequence[str | Path], folder: Path) -> str:
    made = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=600, check=False
    )
    assert made.returncode == 0, f"{made.stdout[-2000:]}\n{made.stderr[-3000:]}"
    return made.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is left behind in the checkout."""
    source, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for package in TOP:
        shutil.copytree(package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(name, source)
    done([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", dist], source)
    return next(dist.glob("rlaif-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel in it, which finds the dependencies where they are installed already.

    A path file names their folder; path files in that folder, such as that of an editable install, are not read.
    """
    home = tmp_path_factory.mktemp("clean")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    done([*pip, "install", "--quiet", "--no-index", "--no-deps", wheel], home)
    folder = Path(
        done([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], home).strip()
    )
    (folder / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


def test_every_module_and_every_data_file_is_in_the_wheel(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        path.as_posix()
        for package in TOP
        for path in Path(package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted <= held, sorted(wanted - held)
    for name in (
        "prompts/judge/pairwise.txt", "prompts/constitutions/general.yaml", "loop/drift.yaml",
        "loop/report/page.html.jinja", "loop/report/page.css", "store/migrations/env.py",
        "store/migrations/versions/0001_first_tables.py",
    ):  # fmt: skip
        assert name in held
    assert not [name for name in held if name.startswith(("tests/", "benchmarks/", "configs/", "docs/"))]


def test_the_installed_wheel_checks_a_configuration_and_plays_a_round(
    installed: Path, tmp_path: Path
) -> None:
    where = "import loop, policy, store; print(loop.__file__, policy.__file__, store.__file__)"
    for place in done([installed / "python", "-c", where], tmp_path).split():
        assert Path(place).is_relative_to(installed.parent)

    config = tmp_path / "run.yaml"
    config.write_text(CONFIG.replace("POLICY", str(ensure_starter(steps=1))))
    assert "fine" in done([installed / "rlaif", "config", "check", config.name], tmp_path)
    summary = json.loads(done([installed / "rlaif", "run", config.name, "--json"], tmp_path))

    (played,) = summary["rounds"]
    assert played["samples"] == 32
    assert played["pairs"] > 0
    assert played["judge_only_decision"] in {"promote", "keep"}
    assert set(played["seconds"]) == {"sample", "judge", "spot_check", "pair", "train", "gate"}
    assert Path(tmp_path, summary["report"]).stat().st_size > 10_000
    assert (tmp_path / "runs" / "run" / "summary.json").is_file()
    shown = done([installed / "rlaif", "show", summary["policy"]], tmp_path)
    assert summary["policy"] in shown


def test_the_installed_command_answers_before_torch_is_imported(installed: Path, tmp_path: Path) -> None:
    program = "import sys, loop.cli; sys.exit(sum(name in sys.modules for name in ('torch', 'transformers')))"
    done([installed / "python", "-c", program], tmp_path)
    assert "Exit codes" in done([installed / "rlaif", "--help"], tmp_path)
