"""The pictures of the pages in these documents, taken by a browser from a site that is made for it.

    python -m docs.screenshots            # all
    python -m docs.screenshots review     # those whose name begins so

Needs Chromium and the development dependencies. Each picture is a function in `SHOTS`: it is given a browser page at a
fresh site and brings it to what shall be seen; the picture is of the window. What stands on it is written in the tests.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from review.accounts.identity import COOKIES
from review.bookkeeping import refresh
from store.store import Store
from tests.loop.runs_with_rounds import played
from tests.review.desk_page import PHONE, DeskPage
from tests.review.questions_for_review import Texts, review_run
from tests.review.rich_questions import CHINESE, CODE, MATHEMATICS, TALK
from tests.review.serving import Served, serving

IMAGES: Final = Path(__file__).parent / "images"
LARGEST: Final = 200_000
"""Bytes of a picture."""

DESK: Final = {"viewport": {"width": 1280, "height": 800}}
QUESTIONS: Final[list[Texts]] = [CODE, MATHEMATICS, CHINESE, TALK]


class Shot(NamedTuple):
    """`go` brings the page to what is shown; `window` is the browser's, `who` looks."""

    go: Callable[[Page], None]
    window: dict[str, Any] = DESK
    who: str = "reviewer"


def desk(page: Page) -> None:
    _to(page, CODE)
    for key in ("q", "w", "w"):
        page.keyboard.press(key)


def mathematics(page: Page) -> None:
    _to(page, MATHEMATICS)


def phone(page: Page) -> None:
    _to(page, TALK)


def chinese(page: Page) -> None:
    _to(page, CHINESE)


def batch(page: Page) -> None:
    site = DeskPage(page, "workshop").open()
    for key in "2412":
        site.answer(key)
    site.sent()
    page.goto("/review/workshop/batches/1")
    page.locator("main form button.primary").click()
    page.locator("article.vote").first.wait_for()


def at(path: str) -> Callable[[Page], None]:
    """A page of the run `demo` as it comes."""

    def go(page: Page) -> None:
        page.goto(path)
        page.wait_for_load_state("load")
        page.wait_for_timeout(500)

    return go


def decision(page: Page) -> None:
    """One that people overrule."""
    page.goto("/runs/demo/decisions?people=overrule")
    page.locator("a.whole").first.click()
    page.locator("#people-title").wait_for()


SHOTS: Final[dict[str, Shot]] = {
    "review": Shot(desk),
    "review-dark": Shot(mathematics, {**DESK, "color_scheme": "dark"}),
    "review-phone": Shot(phone, {**PHONE, "device_scale_factor": 2}),
    "review-zh": Shot(chinese, {**DESK, "locale": "zh-TW"}),
    "reveal": Shot(batch, {"viewport": {"width": 1280, "height": 900}}),
    "dashboard": Shot(at("/runs/demo"), {"viewport": {"width": 1280, "height": 1000}}, "lead"),
    "dashboard-dark": Shot(
        at("/runs/demo"), {"viewport": {"width": 1280, "height": 1000}, "color_scheme": "dark"}, "lead"
    ),
    "decision": Shot(decision, {"viewport": {"width": 1280, "height": 1400}}, "lead"),
    "decisions": Shot(at("/runs/demo/decisions"), DESK, "lead"),
    "compare": Shot(at("/runs/demo/compare?a=1&b=2"), DESK, "lead"),
}


def _to(page: Page, wanted: Any) -> None:
    """Answer until the question whose prompt this is."""
    asked = wanted[0] if isinstance(wanted[0], str) else wanted[0][-1].content
    site = DeskPage(page, "workshop").open()
    for key in "2424":
        if asked in site.prompt:
            break
        site.answer(key)
    site.page.wait_for_timeout(1_300)  # until what was chosen before has faded


@contextmanager
def site(folder: Path) -> Iterator[Served]:
    """A site with a queue and a run of two rounds."""
    database = played(folder / "rlaif.db", "demo", 2, prompts=90)
    with Store.open(f"sqlite:///{database}") as store:
        refresh(store.run("demo"))
        review_run(store, QUESTIONS, "workshop", batch=len(QUESTIONS))
        with serving(store) as running:
            yield running


def take(browser: Any, name: str, shot: Shot) -> None:
    with tempfile.TemporaryDirectory() as folder, site(Path(folder)) as running:
        context = browser.new_context(base_url=running.url, **{"locale": "en-GB", **shot.window})
        secret = running.session(shot.who)
        context.add_cookies([{"name": COOKIES[False], "value": secret, "url": running.url}])
        page = context.new_page()
        shot.go(page)
        raw = page.screenshot(animations="disabled")
        context.close()
    picture = small(raw)
    assert len(picture) < LARGEST, f"{name}: {len(picture):,} bytes"
    IMAGES.mkdir(exist_ok=True)
    (IMAGES / f"{name}.png").write_bytes(picture)
    sys.stdout.write(f"{name}.png {len(picture):,} bytes\n")


def small(raw: bytes) -> bytes:
    """The picture in 256 colours, which such pages do not exceed by much."""
    out = BytesIO()
    picture = Image.open(BytesIO(raw)).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def main(beginnings: list[str]) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, shot in SHOTS.items():
            if not beginnings or any(name.startswith(one) for one in beginnings):
                take(browser, name, shot)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
