"""The Python interface: names that load when used, and the documented example, executed."""

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


def fresh(program: str, folder: Path | None = None) -> str:
    """What a new interpreter prints that runs `program` with only the repository on its path."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={"PYTHONPATH": str(Path.cwd()), "PATH": "/usr/bin:/bin", "HOME": str(Path.home())},
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
