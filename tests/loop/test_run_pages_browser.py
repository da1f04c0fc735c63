"""The pages of a run in a real browser: followed while the run goes on, searched, corrected, small, dark, by axe."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from review.bookkeeping import refresh
from store.records import Run
from store.run import RunStore
from store.store import Store
from tests.loop.conftest import SyntheticRun
from tests.loop.runs_with_rounds import played
from tests.review.cable import Cable
from tests.review.serving import Served

pytestmark = pytest.mark.browser

PATIENCE_MS = 120_000
"""For what another process does meanwhile, on a machine that does much else."""
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return played(tmp_path_factory.mktemp("demo") / "rlaif.db", "demo", 2, prompts=90)


@pytest.fixture
def store(demo: Path, tmp_path: Path) -> Iterator[Store]:
    copied = shutil.copy(demo, tmp_path / "rlaif.db")
    with Store.open(f"sqlite:///{copied}") as opened:
        yield opened


@pytest.fixture
def run(store: Store) -> RunStore:
    return store.run("demo")


@contextmanager
def playing(store_path: Path, index: int) -> Iterator[None]:
    """While the block lasts, and until it is done, another process plays a round of the run `demo`."""
    code = (
        "import sys; from store.store import Store; from tests.loop.conftest import SyntheticRun\n"
        "with Store.open(f'sqlite:///{sys.argv[1]}') as s:\n"
        "    SyntheticRun(s.run('demo'), prompts=90).play(int(sys.argv[2]), 0.8, 0.3)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(store_path), str(index)])
    try:
        yield
        assert process.wait(PATIENCE_MS / 1000) == 0
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def addresses(run: RunStore) -> list[str]:
    """Every page of a run."""
    verdict = next(v for c, v in run.judged(1, "train") if run.labels_on(c.id))
    return [
        "/runs",
        "/runs/demo",
        "/runs/demo/decisions",
        "/runs/demo/decisions?text=nothingofthekind",
        f"/runs/demo/decisions/{verdict.id}",
        "/runs/demo/rounds/2",
        "/runs/demo/compare?a=1&b=2",
        "/runs/demo/ledger",
    ]


def test_the_dashboard_follows_a_run_that_goes_on(page_as: Callable[..., Any], tmp_path: Path) -> None:
    page = page_as("lead")
    page.goto("/runs/demo")
    page.wait_for_selector('[data-live-state][data-state="live"]')
    assert page.locator("h1").inner_text().startswith("Round 2:")
    page.locator("#believe-part summary").first.click()
    page.evaluate("document.body.dataset.same = 'page'")
    with playing(tmp_path / "rlaif.db", 3):
        page.wait_for_selector('h1:has-text("Round 3:")', timeout=PATIENCE_MS)
    assert page.locator("#rounds tbody tr").count() == 3
    assert page.evaluate("document.body.dataset.same") == "page", "nothing was loaded anew"
    assert page.locator("#believe-part details[open]").count() == 1, "what the reader opened stays open"
    assert page.locator("[data-live-status]").inner_text() == "The figures on this page have changed."


def test_where_no_events_come_the_dashboard_asks(page_as: Callable[..., Any], tmp_path: Path) -> None:
    page = page_as("lead")
    page.route("**/runs/demo/live", lambda route: route.abort())
    page.goto("/runs/demo")
    page.wait_for_selector('[data-live-state][data-state="asking"]')
    with playing(tmp_path / "rlaif.db", 3):
        page.wait_for_selector('h1:has-text("Round 3:")', timeout=PATIENCE_MS)


def test_a_connection_that_dies_is_told_and_comes_back(
    page_as: Callable[..., Any], served: Served, tmp_path: Path
) -> None:
    with Cable(served.url) as cable:
        page = page_as("lead")
        page.goto(f"{cable.url}/runs/demo")
        page.wait_for_selector('[data-live-state][data-state="live"]')
        cable.cut()
        page.wait_for_selector('[data-live-state][data-state="lost"]', timeout=PATIENCE_MS)
        assert page.locator("[data-live-state]").inner_text() == "the server does not answer"
        with playing(tmp_path / "rlaif.db", 3):
            pass
        cable.mend()
        page.wait_for_selector('h1:has-text("Round 3:")', timeout=PATIENCE_MS)
        page.wait_for_selector('[data-live-state][data-state="live"]', timeout=PATIENCE_MS)


def test_decisions_are_searched_filtered_and_linked_to(page_as: Callable[..., Any], run: RunStore) -> None:
    page = page_as("lead")
    page.goto("/runs/demo")
    page.get_by_role("link", name="Decisions", exact=True).click()
    page.get_by_label("Words in prompt or answers").fill("sorry")
    page.get_by_label("Round").select_option("2")
    page.get_by_label("For").select_option("gate")
    page.get_by_role("button", name="Show").click()
    expected = {
        verdict.id
        for comparison, verdict in run.judged(2, "gate")
        if "sorry" in (comparison.first.text + comparison.second.text).lower()
    }
    shown = page.locator("a.whole")
    assert shown.count() == len(expected) > 0
    found = {
        str(shown.nth(number).get_attribute("href")).rsplit("/", 1)[1] for number in range(len(expected))
    }
    assert found == expected
    shown.first.click()
    link = page.url
    assert link.rsplit("/", 1)[1] in expected
    again = page_as("lead")
    again.goto(link)
    assert again.locator("h1").inner_text() == page.locator("h1").inner_text()
    assert "sorry" in again.locator(".answers").inner_text().lower()


def test_an_override_by_clicks_stands_in_the_ledger(page_as: Callable[..., Any], run: RunStore) -> None:
    comparison, verdict = next((c, v) for c, v in run.judged(2, "train") if not run.labels_on(c.id))
    page = page_as("lead")
    page.goto(f"/runs/demo/decisions/{verdict.id}")
    page.get_by_label("The first answer is").select_option("both_bad")
    page.get_by_label("Reason").fill("Neither number follows.")
    page.get_by_role("button", name="Override the judge").click()
    assert page.get_by_role("status").first.inner_text() == "Saved."
    assert "Neither number follows." in page.locator("main").inner_text()
    page.goto("/runs/demo")
    page.wait_for_selector('#ledger a:has-text("1 override by a lead.")', timeout=PATIENCE_MS)
    page.locator("#ledger a").first.click()
    row = page.locator("tbody tr").first.inner_text()
    assert "leo" in row
    assert "both bad" in row
    page.locator("tbody tr a").first.click()
    assert page.url.endswith(verdict.id)
    (label,) = run.labels_on(comparison.id)
    assert (label.value, label.blind) == ("both_bad", True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(
    page_as: Callable[..., Any], addresses: list[str], scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = page_as("lead", color_scheme=scheme)
    wrong = []
    for address in addresses:
        page.goto(address)
        page.evaluate("document.querySelectorAll('main details').forEach(one => one.open = true)")
        found = axe.run(page).response["violations"]
        wrong += [
            (address, one["id"], node["target"], node["failureSummary"])
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"][:3]
        ]
    assert wrong == []


def test_every_page_fits_a_phone(page_as: Callable[..., Any], addresses: list[str]) -> None:
    page = page_as("lead", **PHONE)
    for address in addresses:
        page.goto(address)
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, address


def test_dark_pages_are_dark_pictures_included(page_as: Callable[..., Any]) -> None:
    page = page_as("lead", color_scheme="dark")
    page.goto("/runs/demo")
    lightness = (
        "selector => { const c = getComputedStyle(document.querySelector(selector[0]))[selector[1]];"
        " return c.match(/[\\d.]+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0) / 3; }"
    )
    assert page.evaluate(lightness, ["body", "backgroundColor"]) < 60
    assert page.evaluate(lightness, [".plot", "backgroundColor"]) < 60
    assert page.evaluate(lightness, [".drawing svg text", "fill"]) > 120


def test_nothing_in_an_answer_runs_or_leaves(page_as: Callable[..., Any], store: Store) -> None:
    acting = [
        "<script>alert(1)</script>",
        '<img src="http://elsewhere.invalid/x" onerror="alert(1)">',
        "[click](javascript:alert(1)) ![x](http://elsewhere.invalid/y)",
        "w" * 20_000,
    ]
    run = store.create_run(Run(name="hostile", seed=7, config_hash="cfg_0", config={"rounds": 1}))
    made = SyntheticRun(run, prompts=24, texts=acting)
    made.begin()
    made.play(1, 0.75, 0.1)
    refresh(run)
    page = page_as("lead", **PHONE)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    verdicts = [verdict.id for _, verdict in run.judged(1, "gate")][:8]
    for address in ("", "/decisions", "/rounds/1", *(f"/decisions/{id}" for id in verdicts)):
        page.goto(f"/runs/hostile{address}")
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, address
    assert [url for url in asked if not re.match(r"http://127\.0\.0\.1:\d+/", url)] == []
