"""Hostile answers in the browser, in every place that shows what models wrote: nothing runs, leaves or breaks out."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from review.accounts.identity import COOKIES
from review.reveals import reveal
from store.store import Store
from tests.review.desk_page import PHONE, DeskPage
from tests.review.hostile import PLACES, Watch
from tests.review.hostile_run import NAME, STORED, hostile_run
from tests.review.serving import Served, serving

pytestmark = pytest.mark.browser
LOOKS = {"desktop": {"viewport": {"width": 1280, "height": 800}}, "phone": PHONE}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("hostile")
    with Store.open(f"sqlite:///{folder / 'rlaif.db'}") as store:
        run = hostile_run(store)
        reveal(run, "rita", 1)
        with serving(store) as running:
            yield running


@pytest.fixture
def store(site: Served) -> Store:
    return site.store


@pytest.fixture
def served(site: Served) -> Served:
    return site


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("place", PLACES, ids=[place.name for place in PLACES])
def test_every_place_that_shows_answers_shows_them_and_nothing_acts(
    page_as: Callable[..., Any], site: Served, place: Any, look: str
) -> None:
    page = page_as("reviewer" if place.name == "batch" else "lead", **LOOKS[look])
    watch = Watch(page, site.url)
    for address in place.addresses(site.store.run(NAME)):
        answer = page.goto(address)
        assert answer.status == 200, address
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        for one in page.locator("main a, main summary, main [tabindex]").all()[:5]:
            one.hover(force=True)
        assert watch.found() == [], address
        assert not place.shows or "<" in page.locator("main").inner_text(), "what was written can be read"


@pytest.mark.parametrize("look", LOOKS)
def test_no_question_acts_on_its_reviewer(browser: Any, tmp_path: Path, look: str) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as store:
        hostile_run(store, voted=False)
        with serving(store) as site:
            context = browser.new_context(base_url=site.url, **LOOKS[look])
            secret = site.session("reviewer")
            context.add_cookies([{"name": COOKIES[False], "value": secret, "url": site.url}])
            page = context.new_page()
            watch = Watch(page, site.url)
            desk = DeskPage(page, NAME).open()
            for number in range(len(STORED)):
                page.locator("#sides").wait_for()
                for key in "xxmmp":
                    page.keyboard.press(key)
                assert watch.found() == [], desk.prompt[:80]
                assert page.locator('[data-action="both_bad"]').last.is_visible(), number
                box = page.locator('.desk-choices [data-action="both_bad"]').bounding_box()
                assert box["y"] + box["height"] <= page.viewport_size["height"], desk.prompt[:80]
                desk.answer("2")
            desk.placed("Nothing is waiting")
            assert watch.found() == []
            context.close()
