"""The report in a real browser: nothing runs, nothing is fetched, nothing overflows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loop.report import write_report
from tests.review.hostile import HOSTILE as CORPUS

pytestmark = pytest.mark.browser

HOSTILE = (
    "word" * 90,
    *(text for name, text in CORPUS.items() if len(text) < 3_000 and name != "surrogate"),
)


@pytest.fixture
def pages(synthetic: Callable[..., Any], tmp_path: Path) -> list[Path]:
    told = synthetic("told", prompts=80)
    told.play(1, 0.75, 0.1)
    told.play(2, 0.75, 0.8)
    hostile = synthetic("hostile", prompts=len(HOSTILE), texts=list(HOSTILE))
    hostile.play(1, 0.75, 0.1)
    bare = synthetic("bare", prompts=6)
    return [write_report(run.store, tmp_path / run.store.name) for run in (told, hostile, bare)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 761, 1200])
def test_nothing_runs_and_nothing_overflows(browser: Any, pages: list[Path], width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    seen: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: seen.append(message.text))
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("dialog", lambda dialog: (seen.append("a dialog"), dialog.dismiss()))
    page.on(
        "request", lambda request: seen.append(request.url) if not request.url.startswith("file:") else None
    )
    for path in pages:
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        ink, paper = page.evaluate(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        )
        assert (sum(_rgb(ink)) > sum(_rgb(paper))) == (scheme == "dark")
        text = page.locator("svg text").first
        if text.count():
            assert text.evaluate("e => getComputedStyle(e).fill") != "rgb(0, 0, 0)", (
                "charts follow the page's colours"
            )
    assert seen == []
    context.close()


def _rgb(colour: str) -> list[int]:
    return [int(part) for part in colour.strip("rgb()").split(",")]
