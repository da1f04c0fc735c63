"""The README and the documents beside it say what is there: files, links, commands, configurations."""

import re
import shlex
from pathlib import Path

import pytest

from loop.cli import main

PACKAGES = ("prompts", "store", "judge", "policy", "review", "loop")
README = Path("README.md")
PAGES = [README, Path("CHANGELOG.md"), *sorted(Path("docs").glob("*.md"))]


def tree() -> set[str]:
    """The paths in the map's annotated tree, by its indents."""
    (block,) = re.findall(r"^```text\n(.*?)^```", Path("docs/map.md").read_text(), re.M | re.S)
    paths: set[str] = set()
    parents: list[str] = []
    for line in block.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        parents = [*parents[:depth], name]
        paths.add("".join(parents))
    return paths


def test_the_tree_has_a_phrase_for_every_module_and_no_other() -> None:
    modules = {
        path.as_posix()
        for package in PACKAGES
        for path in Path(package).rglob("*.py")
        if path.name != "__init__.py" and "migrations" not in path.parts
    }
    named = tree()
    assert sorted(modules - named) == []
    assert sorted(path for path in named if not Path(path).exists()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_that_are_shown_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    makefile = Path("Makefile").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.M | re.S)
    for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["make"]:
            assert re.search(rf"^{words[-1]}:", makefile, re.M), line
        if words[:1] == ["rlaif"]:
            # With --help the options before it are parsed and nothing is run.
            assert main([*words[1:], "--help"]) == 0, f"{line}\n{capsys.readouterr().err}"
        for word in words:
            assert not word.startswith("configs/") or Path(word).exists(), line
