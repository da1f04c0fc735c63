"""Every text of the pages is in every language, with the same places to fill in, and nothing in them is stale."""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from review.accounts import passwords
from review.web.language import CATALOGUES, LOCALES, catalogue

SOURCES = CATALOGUES.parents[1]
OTHERS = [locale for locale in LOCALES if locale != "en"]
PARTS = ("account", "dashboard", "review")
_FILLED = re.compile(r"%\((\w+)\)s")

Id = str | tuple[str, ...]


@cache
def extracted() -> dict[Id, set[str]]:
    """Every text that templates and code mark, with the files it is in."""
    found: dict[Id, set[str]] = defaultdict(set)
    for name, _, text, _, _ in extract_from_dir(
        SOURCES,
        method_map=[("web/templates/**.html", "jinja2"), ("**.py", "python")],
        options_map={"web/templates/**.html": {"trimmed": "true", "silent": "false"}},
        keywords={"_": None, "gettext": None, "ngettext": (1, 2), "message": None},
    ):
        found[text].add(name)
    return dict(found)


def refusals() -> set[str]:
    """The sentences of the code that are told by the text itself, and so marked by nothing."""
    told = set()
    for path in (*Path(passwords.__file__).parent.glob("*.py"), *(SOURCES / "web").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                told.add(node.value)
    return told


def test_the_texts_are_found() -> None:
    texts = extracted()
    files = {name for names in texts.values() for name in names}
    templates = {path.relative_to(SOURCES).as_posix() for path in SOURCES.glob("web/templates/**/*.html")}
    assert len(texts) > 300
    assert "web/script_texts.py" in files
    assert len(templates & files) > 15


@pytest.mark.parametrize("locale", OTHERS)
def test_no_text_is_missing(locale: str) -> None:
    known = catalogue(locale)
    missing = [
        (text, sorted(names))
        for text, names in extracted().items()
        if (entry := known.get(text if isinstance(text, str) else text[0])) is None
        or not all(_strings(entry.string))
    ]
    assert missing == []


@pytest.mark.parametrize("locale", OTHERS)
@pytest.mark.parametrize("part", PARTS)
def test_every_entry_is_whole_fills_in_the_same_and_is_used(part: str, locale: str) -> None:
    path = CATALOGUES / locale / f"{part}.po"
    with path.open("rb") as file:
        entries = [entry for entry in read_po(file, locale=locale, abort_invalid=True) if entry.id]
    assert entries
    marked, told = extracted(), refusals()
    for entry in entries:
        ids = _strings(entry.id)
        assert not entry.fuzzy, entry.id
        assert all(_strings(entry.string)), entry.id
        places = {place for one in ids for place in _FILLED.findall(one)}
        for string in _strings(entry.string):
            assert set(_FILLED.findall(string)) == places, (entry.id, string)
            assert re.sub(_FILLED, "", string).count("%") == re.sub(_FILLED, "", ids[-1]).count("%"), string
        used = (
            entry.id in marked
            or any(isinstance(id, tuple) and entry.id in id for id in marked)
            or ids[0] in told
            or bool(re.search(r"\d| is for the role ", ids[0]))
        )
        assert used, f"{path.name}: {entry.id!r} is said nowhere any more"


def test_the_two_chinese_catalogues_are_written_in_their_own_script() -> None:
    traditional, simplified = ("".join(_all(locale)) for locale in ("zh_Hant", "zh_Hans"))
    assert not set("这个说评审选择与设为没见读发时间运队账号") & set(traditional)
    assert not set("這個說評審選擇與設為沒見讀發時間運帳號") & set(simplified)


def _all(locale: str) -> list[str]:
    return [string for entry in catalogue(locale) if entry.id for string in _strings(entry.string)]


def _strings(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]
