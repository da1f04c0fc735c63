"""What the front desk tells people when it refuses them is told in each language."""

import ast
from pathlib import Path

import pytest

from review.accounts import passwords, tokens
from review.accounts.roles import ROLES
from review.web.language import LOCALES, catalogue

SOURCES = Path(passwords.__file__).parents[1]
FILES = [
    *sorted((SOURCES / "accounts").glob("*.py")),
    *(SOURCES / "web" / f"{n}.py" for n in ("assets", "guard")),
]
FOR_PROGRAMS = {"This is done in a browser, and not with a token."}


def told() -> set[str]:
    """Every whole sentence that is raised or returned as a refusal, and those that are put together."""
    found = {
        f"A password has {passwords.SHORTEST} to {passwords.LONGEST} characters.",
        f"An account has {tokens.MOST} tokens at most. Revoke some first.",
        *(
            f"This is for the role {needed}; you are {role}."
            for number, needed in enumerate(ROLES)
            for role in ROLES[:number]
        ),
    }
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        parts = {id(p) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for p in node.values}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                continue
            sentence = node.value[:1].isupper() and node.value.endswith(".") and " " in node.value
            if sentence and id(node) not in documentation | parts:
                found.add(node.value)
    return found - FOR_PROGRAMS


@pytest.mark.parametrize("locale", [locale for locale in LOCALES if locale != "en"])
def test_every_refusal_is_told_in_the_readers_language(locale: str) -> None:
    texts = told()
    assert "Name and password do not fit." in texts
    assert len(texts) > 20
    known = catalogue(locale)
    assert [text for text in sorted(texts) if text not in known or not known[text].string] == []
