from pathlib import Path

import pytest

from prompts.constitution import load_constitution
from prompts.errors import BadConstitution, PromptError, UnknownName

GOOD = """\
name: mine
version: "2"
principles:
  - {id: kind, axis: helpful, weight: 2, text: Be kind.}
  - {id: safe, axis: harmless, text: Be safe.}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_starter_constitution_loads_and_covers_help_and_harm() -> None:
    constitution = load_constitution("starter")
    assert constitution.name == "starter"
    assert {p.axis for p in constitution.principles} >= {"helpful", "harmless"}


def test_a_file_loads_by_path_and_its_hash_follows_its_text(tmp_path: Path) -> None:
    first = load_constitution(write(tmp_path, GOOD))
    again = load_constitution(str(write(tmp_path, GOOD)))
    other = load_constitution(write(tmp_path, GOOD.replace("Be kind.", "Be kinder.")))
    assert [p.weight for p in first.principles] == [2.0, 1.0]
    assert first.hash == again.hash
    assert first.hash != other.hash


def test_principles_are_selected_by_id_and_an_unknown_id_is_refused(tmp_path: Path) -> None:
    constitution = load_constitution(write(tmp_path, GOOD))
    assert [p.id for p in constitution.select(())] == ["kind", "safe"]
    assert [p.id for p in constitution.select(("safe",))] == ["safe"]
    with pytest.raises(BadConstitution, match=r"no principle sane; it has kind, safe"):
        constitution.select(("sane",))


def test_an_unknown_name_is_answered_with_the_nearest_ones() -> None:
    with pytest.raises(UnknownName, match=r"'startr'; nearest: starter"):
        load_constitution("startr")


def test_a_missing_path_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"none\.yaml: cannot read this constitution"):
        load_constitution(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("axis: helpful", "axis: fun", r"mine\.yaml: principles\.0\.axis: .*helpful"),
        ("weight: 2", "weight: 0", r"principles\.0\.weight: .*greater than 0"),
        ("weight: 2", "weight: .inf", r"principles\.0\.weight: .*finite"),
        ("id: safe", "id: kind", r"principle id used twice: kind"),
        ("id: safe", "id: 'not safe'", r"principles\.1\.id: "),
        ("weight: 2", "wieght: 2", r"principles\.0\.wieght: Extra inputs"),
        ("name: mine", "nam: mine", r"name: Field required"),
        ('version: "2"', "version: 2", r"version: .*string"),
        ("name: mine", "name: mine\nhash: abc", r"hash: is computed"),
        ("principles:", "principles: [", r"mine\.yaml: not valid YAML"),
        (GOOD, "- a\n- b\n", r"expected the keys name, version and principles"),
    ],
)
def test_a_bad_file_is_refused_with_file_key_and_reason(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    assert old in GOOD
    with pytest.raises(BadConstitution, match=reason):
        load_constitution(write(tmp_path, GOOD.replace(old, new)))
