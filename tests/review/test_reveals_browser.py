"""What a reviewer is shown of the judge in the browser, and when; and what a lead corrects."""

from collections.abc import Callable
from typing import Any

import pytest

from store.store import Store
from tests.review.desk_page import DeskPage, choices, standing
from tests.review.questions_for_review import plain, review_run

pytestmark = pytest.mark.browser
PageAs = Callable[..., Any]


def test_a_batch_is_looked_at_when_it_is_full_and_a_lead_corrects_it(store: Store, page_as: PageAs) -> None:
    run = review_run(store, plain(5), batch=3)
    desk = DeskPage(page_as("lead")).open()
    page = desk.page
    seen = []
    page.on("response", lambda answer: seen.append(answer.text()) if "/api/" in answer.url else None)
    for key in "123":
        desk.answer(key)
    desk.sent()
    assert not any("scripted-judge" in text or "8731" in text for text in seen), (
        "nothing tells before the look"
    )
    page.locator("#batch-done a").click()
    page.get_by_role("link", name="Look at batch 1").click()
    assert "scripted-judge" not in page.content()
    page.get_by_role("button", name="See what the judge said").click()
    votes = page.locator("article.vote")
    assert votes.count() == 3
    assert "87%" in page.locator("main").inner_text() or "13%" in page.locator("main").inner_text()
    assert "The first answer is right" in votes.first.inner_text()
    corrected = votes.nth(2)
    prompt = corrected.locator(".prompt .rendered").inner_text()
    corrected.locator("summary", has_text="Change my vote").click()
    corrected.get_by_label("Which answer is better?").select_option("both_bad")
    corrected.get_by_label("Why? (optional)").fill("Neither adds up.")
    corrected.get_by_role("button", name="Override").click()
    page.locator(".chip", has_text="Override by leo: Both bad").wait_for()
    own = standing(run, "leo")[prompt]
    labels = run.labels_on(own.comparison_id)
    assert [(label.source, label.value, label.reason) for label in labels if label.source == "override"] == [
        ("override", "both_bad", "Neither adds up.")
    ]
    assert own.blind, "the vote of before stays what it was"


def test_another_opinion_after_the_look_is_kept_as_not_blind(store: Store, page_as: PageAs) -> None:
    run = review_run(store, plain(1), batch=1)
    desk = DeskPage(page_as("reviewer")).open()
    desk.answer("1")
    desk.sent()
    page = desk.page
    page.goto("/review/desk/batches/1")
    page.get_by_role("button", name="See what the judge said").click()
    assert page.get_by_role("button", name="Override").count() == 0, "a reviewer changes only what is theirs"
    page.locator("summary", has_text="Change my vote").click()
    page.get_by_label("Which answer is better?").select_option("right_better")
    page.get_by_role("button", name="Change my vote").click()
    page.locator(".chip", has_text="Not blind").wait_for()
    assert choices(run) == ["right_better"]
    page.goto("/review/desk")
    DeskPage(page).placed("Nothing is waiting")
    page.keyboard.press("u")
    page.locator("#said", has_text="Its verdict was shown to you").wait_for()
    assert choices(run) == ["right_better"]


def test_at_once_the_judge_speaks_after_every_vote(store: Store, page_as: PageAs) -> None:
    run = review_run(store, plain(2), reveal="at_once")
    desk = DeskPage(page_as("reviewer")).open()
    page = desk.page
    first = desk.prompt
    page.keyboard.press("1")
    dialog = page.locator("#verdict-dialog")
    dialog.wait_for()
    assert "The first answer is right" in dialog.inner_text()
    assert dialog.locator("button").evaluate("e => e === document.activeElement")
    page.keyboard.press("Enter")
    desk.settled()
    assert desk.prompt != first
    page.keyboard.press("u")
    page.locator("#said", has_text="Its verdict was shown to you").wait_for()
    assert choices(run) == ["left_much_better"]
    page.context.set_offline(True)
    page.keyboard.press("2")
    desk.placed("No connection")
    page.context.set_offline(False)
    desk.placed("Nothing is waiting")
    desk.sent()
    assert run.vote_count("rita") == 2
    assert not dialog.is_visible(), "a verdict that comes late is among the batches"


def test_where_the_judge_is_never_shown_no_page_shows_it(store: Store, page_as: PageAs) -> None:
    run = review_run(store, plain(1), reveal="never", batch=1)
    desk = DeskPage(page_as("reviewer")).open()
    desk.answer("2")
    desk.placed("Nothing is waiting")
    desk.sent()
    page = desk.page
    assert run.vote_count("rita") == 1
    assert page.get_by_role("link", name="batches").count() == 0
    for path in ("/review/desk/batches", "/review/desk/batches/1"):
        page.goto(path)
        assert "shows no verdicts" in page.locator("main").inner_text()
        assert page.get_by_role("button", name="See what the judge said").count() == 0
