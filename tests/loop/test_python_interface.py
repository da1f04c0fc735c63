"""The Python interface: names that load when used, and the documented example, executed."""

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType

import pytest

from policy.starter.build import ensure_starter

PACKAGES = ("judge", "loop", "policy")
DOCUMENT = Path("docs/python.md")


def fresh(program: str, **variables: str) -> str:
    """What a new interpreter prints that runs `program` with these environment variables."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_settings_and_records_are_read_without_torch() -> None:
    names = "from loop import ConfigError, RunConfig, RunStopped, RunSummary, load_config, parse_config"
    loaded = fresh(
        f"{names}\nimport judge, policy, sys\nprint([m for m in ('torch', 'trl') if m in sys.modules])"
    )
    assert loaded == "[]\n"


@pytest.mark.parametrize("name", PACKAGES)
def test_public_names_are_what_they_say_whatever_was_imported_before(name: str) -> None:
    package = import_module(name)
    for found in walk_packages(package.__path__, f"{name}."):
        if not found.name.endswith("__main__"):
            import_module(found.name)
    for public in package.__all__:
        assert not isinstance(getattr(package, public), ModuleType), f"{name}.{public} is hidden by a module"


@pytest.mark.parametrize("name", PACKAGES)
def test_a_name_that_is_not_there_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        import_module(name).nonsense  # noqa: B018


@pytest.mark.slow
def test_the_documented_example_runs_as_it_stands(tmp_path: Path) -> None:
    """With a barely trained policy in the starter's place, by the environment, since the example takes the real one."""
    program = "\n".join(re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL))
    printed = fresh(
        program,
        RLAIF__OUTPUT=str(tmp_path),
        RLAIF__POLICY__MODEL=str(ensure_starter(steps=30)),
        RLAIF__JUDGE__MIN_LABEL_MASS="0",
        RLAIF__PAIRS__MIN_CONFIDENCE="0.5001",
    )
    assert re.search(r"^1 (promote|keep) .+$", printed, re.MULTILINE)
    assert re.search(r"^ships rev_\w+ after ", printed, re.MULTILINE)
    assert "LlamaForCausalLM" in printed
    assert re.search(r"→ 0\.\d+$", printed.strip())
    assert (tmp_path / "from-python" / "summary.json").is_file()
