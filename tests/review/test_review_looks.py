"""How the review pages look and are read: small screens, dark mode, three languages; what axe objects to."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from store.store import Store
from tests.review.desk_page import PHONE, DeskPage, choices
from tests.review.questions_for_review import plain, review_run
from tests.review.rich_questions import RICH

pytestmark = pytest.mark.browser
PageAs = Callable[..., Any]
SERIOUS = {"serious", "critical"}


def objections(page: Any) -> list[str]:
    """What axe finds on the page as it stands that is serious."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


def fits(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize(
    "look",
    [
        {"color_scheme": "light"},
        {"color_scheme": "dark"},
        {"color_scheme": "light", **PHONE},
        {"color_scheme": "dark", "locale": "zh-TW"},
    ],
    ids=["light", "dark", "phone", "zh"],
)
def test_axe_finds_nothing_serious_on_any_review_page(
    store: Store, page_as: PageAs, look: dict[str, Any]
) -> None:
    review_run(store, RICH, batch=len(RICH))
    desk = DeskPage(page_as("lead", **look)).open()
    page = desk.page
    for number in range(len(RICH)):
        assert fits(page)
        assert objections(page) == [], number
        if number == 0:
            page.keyboard.press("x")
            page.keyboard.press("q")
            page.keyboard.press("f")
            assert objections(page) == []
            for key, dialog in (("?", "help"), ("s", "skip"), ("c", "reason")):
                page.keyboard.press(key)
                page.locator(f"#{dialog}-dialog").wait_for()
                assert fits(page)
                assert objections(page) == [], dialog
                page.keyboard.press("Escape")
        desk.answer("2")
    page.locator("#place-text").wait_for()
    desk.sent()
    assert objections(page) == []
    for path in ("/review?all=1", "/review/desk/batches", "/review/desk/batches/1"):
        page.goto(path)
        assert fits(page)
        assert objections(page) == [], path
    page.locator("main form button.primary").click()
    page.locator("article.vote").first.wait_for()
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert fits(page)
    assert objections(page) == []


def test_a_phone_shows_one_answer_and_a_switch(store: Store, page_as: PageAs) -> None:
    run = review_run(store, plain(2))
    desk = DeskPage(page_as("reviewer", **PHONE)).open()
    page = desk.page
    left, right = page.locator("#left-text"), page.locator("#right-text")
    assert (left.is_visible(), right.is_visible()) == (True, False)
    page.locator('.desk-switch [data-side="right"]').tap()
    assert (left.is_visible(), right.is_visible()) == (False, True)
    assert page.locator('.desk-switch [data-side="right"]').get_attribute("aria-pressed") == "true"
    first = desk.prompt
    page.locator('[data-action="right_much_better"]').tap()
    page.wait_for_function("before => document.getElementById('prompt-text').innerText !== before", arg=first)
    assert left.is_visible(), "a new question begins on the left"
    desk.sent()
    assert choices(run) == ["right_much_better"]
    for button in page.locator(".desk-choices button, .desk-answering button, .desk-switch button").all():
        box = button.bounding_box()
        assert box["height"] >= 36
        assert box["y"] + box["height"] <= 844, "every answer is within reach without scrolling"


def test_a_window_that_is_low_or_narrow_keeps_every_answer_in_reach(store: Store, page_as: PageAs) -> None:
    review_run(store, RICH[-2:-1])
    for width, height in ((320, 568), (844, 390), (1024, 600), (1920, 1080)):
        desk = DeskPage(page_as("reviewer", viewport={"width": width, "height": height})).open()
        assert fits(desk.page), (width, height)
        box = desk.page.locator('[data-action="both_bad"]').bounding_box()
        assert box["y"] + box["height"] <= height, (width, height)
        assert desk.page.locator("#left-text").bounding_box()["height"] > 60, (width, height)


def test_the_theme_follows_the_browser(store: Store, page_as: PageAs) -> None:
    review_run(store, plain(1))
    light = {}
    for scheme in ("light", "dark"):
        page = DeskPage(page_as("reviewer", color_scheme=scheme)).open().page
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        light[scheme] = sum(int(part) for part in paper.strip("rgb()").split(","))
    assert light["light"] > 600
    assert light["dark"] < 150


@pytest.mark.parametrize(
    ("locale", "tag", "word"), [("zh-TW", "zh-Hant", "左邊較好"), ("zh-CN", "zh-Hans", "左边较好")]
)
def test_the_page_speaks_the_language_of_its_reader(
    store: Store, page_as: PageAs, locale: str, tag: str, word: str
) -> None:
    review_run(store, plain(1))
    desk = DeskPage(page_as("reviewer", locale=locale)).open()
    page = desk.page
    assert page.locator("html").get_attribute("lang") == tag
    page.get_by_role("button", name=word).click()
    page.locator("#place-text").wait_for()
    assert word in page.locator("#live").inner_text()
    words = page.locator("body").inner_text()
    assert not [
        line for line in words.split("\n") if line.strip() in ("Review", "Undo", "Skip", "Left better")
    ]
