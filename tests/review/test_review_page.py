"""The review page with real keys and clicks, from the login to the empty queue."""

from collections.abc import Callable
from typing import Any

import pytest

from review.web.hotkeys import ACTIONS
from store.store import Store
from tests.review.desk_page import SETTLE_MS, DeskPage, choices, standing, written
from tests.review.questions_for_review import plain, review_run
from tests.review.rich_questions import LONG, RICH, TALK
from tests.review.serving import PASSWORD

pytestmark = pytest.mark.browser
PageAs = Callable[..., Any]


def test_a_reviewer_goes_from_the_login_to_an_empty_queue(store: Store, page_as: PageAs) -> None:
    run = review_run(store, plain(6), batch=20)
    page = page_as(None)
    page.goto("/")
    page.get_by_label("Name").fill("rita")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.goto("/review")
    desk = DeskPage(page).settled()
    assert page.url.endswith("/review/desk"), "one queue waits, so there is nothing to choose"
    asked = [desk.prompt]
    for key in "12345":
        desk.answer(key)
        asked.append(desk.prompt)
    page.get_by_role("button", name="Both bad").click()
    desk.placed("Nothing is waiting for you here.")
    desk.sent()
    assert sorted(asked) == sorted(standing(run))
    by_prompt = dict(zip(sorted(standing(run)), choices(run), strict=True))
    expected = [action.name for action in ACTIONS if action.group == "verdict"]
    assert [by_prompt[prompt] for prompt in asked] == expected
    assert all(label.blind and label.seconds and label.lane == "random" for label in standing(run).values())
    assert desk.focus == "place", "the focus is not lost with the last question"


def test_what_is_said_beside_the_verdict_is_kept_with_it(store: Store, page_as: PageAs) -> None:
    run = review_run(store, plain(2))
    desk = DeskPage(page_as("reviewer")).open()
    first = desk.prompt
    page = desk.page
    for key in "qwwf":
        page.keyboard.press(key)
    page.keyboard.press("e")
    page.keyboard.press("e")
    page.keyboard.press("e")
    page.keyboard.press("c")
    assert desk.focus == "reason"
    page.keyboard.type("1 2 3 4 5 0: qwert, surely")
    page.keyboard.press("Control+Enter")
    assert (desk.prompt, run.vote_count("rita")) == (first, 0), "typing is not voting"
    desk.answer("4")
    desk.sent()
    label = standing(run)[first]
    sides = {"first": "right" if label.swapped else "left", "second": "left" if label.swapped else "right"}
    assert {name: sides.get(mark, mark) for name, mark in label.marks.items()} == {
        "serves-the-request": "left",
        "correct": "right",
        "plain": "same",
    }
    assert label.reason == "1 2 3 4 5 0: qwert, surely"
    assert label.flagged
    assert page.locator('[data-action="flag"]').get_attribute("aria-pressed") == "false", (
        "the next starts bare"
    )
    assert page.locator("#principles button").first.get_attribute("data-mark") == ""


def test_an_answer_is_taken_back_with_all_that_was_said_beside_it(store: Store, page_as: PageAs) -> None:
    run = review_run(store, plain(3))
    desk = DeskPage(page_as("reviewer")).open()
    first = desk.prompt
    desk.page.keyboard.press("q")
    desk.answer("1")
    desk.sent()
    second = desk.prompt
    desk.answer("u")
    desk.sent()
    assert desk.prompt == first
    assert desk.page.locator("#principles button").first.get_attribute("data-mark") == "left"
    assert not standing(run)
    desk.answer("5")
    desk.sent()
    assert desk.prompt == second, "the question that was on the screen comes back"
    assert choices(run) == ["right_much_better"]
    assert standing(run)[first].marks
    desk.answer("2")
    desk.page.locator("#take-back").click()
    desk.settled()
    assert desk.prompt == second
    desk.sent()
    assert set(standing(run)) == {first}


def test_an_answer_of_before_a_reload_is_taken_back(store: Store, page_as: PageAs) -> None:
    run = review_run(store, plain(3))
    desk = DeskPage(page_as("reviewer")).open()
    first = desk.prompt
    desk.answer("3")
    desk.sent()
    desk.page.reload()
    desk.settled()
    assert desk.prompt != first
    desk.answer("u")
    assert desk.prompt == first
    assert not standing(run)
    desk.page.reload()
    desk.settled().page.keyboard.press("u")
    desk.page.locator("#said", has_text="nothing to take back").wait_for()


def test_a_question_is_skipped_for_a_cause_and_can_come_back(store: Store, page_as: PageAs) -> None:
    run = review_run(store, plain(2))
    desk = DeskPage(page_as("reviewer")).open()
    first = desk.prompt
    desk.page.keyboard.press("s")
    desk.page.keyboard.press("Escape")
    assert desk.prompt == first, "a skip can be thought better of"
    desk.page.keyboard.press("s")
    desk.answer("3")
    desk.sent()
    skipped = run.latest_skip("rita")
    assert skipped is not None
    assert run.comparison(run.review_item(skipped[0]).comparison_id).prompt.messages[-1].content == first
    desk.answer("u")
    desk.sent()
    assert desk.prompt == first
    assert run.latest_skip("rita") is None


def test_a_key_counts_once_by_itself_and_never_twice(store: Store, page_as: PageAs) -> None:
    run = review_run(store, plain(6))
    desk = DeskPage(page_as("reviewer")).open()
    page = desk.page
    second_at_once = """() => {
        const press = () => new KeyboardEvent("keydown", {key: "1", bubbles: true});
        for (let n = 0; n < 2; n++) document.body.dispatchEvent(press());
    }"""
    page.evaluate(second_at_once)
    desk.settled().sent()
    assert sum(written(run).values()) == 1, "the second press was meant for the first question"
    page.keyboard.down("2")
    for _ in range(3):
        page.wait_for_timeout(SETTLE_MS)
        page.keyboard.down("2")  # held down: the browser repeats it
    page.keyboard.up("2")
    desk.settled().sent()
    assert sum(written(run).values()) == 2
    for key in ("Backspace", "Control+1", "Alt+2", "Meta+3", "Shift+q", "Delete", "Enter", " ", "z"):
        page.keyboard.press(key)
    desk.sent()
    assert sum(written(run).values()) == 2
    assert page.locator("#principles button").first.get_attribute("data-mark") == ""


def test_the_keys_for_reading(store: Store, page_as: PageAs) -> None:
    review_run(store, [LONG])
    desk = DeskPage(page_as("reviewer")).open()
    page = desk.page
    tops = "['left-text', 'right-text'].map(id => document.getElementById(id).scrollTop)"
    long = "Math.max(...['left-text', 'right-text'].map(id => document.getElementById(id).scrollTop))"
    assert page.evaluate(long) == 0
    page.keyboard.press("j")
    assert page.evaluate(long) > 100
    page.keyboard.press("k")
    assert page.evaluate(tops) == [0, 0]
    prompt = page.locator("#prompt-text")
    folded = prompt.bounding_box()["height"]
    page.keyboard.press("p")
    assert prompt.bounding_box()["height"] > 1.5 * folded
    page.keyboard.press("p")
    assert prompt.bounding_box()["height"] == folded
    page.keyboard.press("m")
    assert "### Part 1" in page.locator("#sides").inner_text()
    page.keyboard.press("m")
    assert "### Part 1" not in page.locator("#sides").inner_text()
    page.keyboard.press("?")
    assert page.locator("#help-dialog").is_visible()
    page.keyboard.press("1")
    assert page.locator("#help-dialog").is_visible(), "a dialog in front keeps the keys"
    page.keyboard.press("Escape")
    assert not page.locator("#help-dialog").is_visible()
    assert page.locator("#sides").is_visible()


def test_a_conversation_folds_to_what_is_answered(store: Store, page_as: PageAs) -> None:
    review_run(store, [TALK])
    desk = DeskPage(page_as("reviewer", viewport={"width": 1280, "height": 700})).open()
    last = desk.page.locator(".desk-turn").last.bounding_box()
    box = desk.page.locator("#prompt-text").bounding_box()
    assert box["y"] <= last["y"] < box["y"] + box["height"]


def test_marks_of_words_touch_no_other_character(store: Store, page_as: PageAs) -> None:
    review_run(store, RICH)
    desk = DeskPage(page_as("reviewer")).open()
    for _ in RICH:
        sides = desk.page.locator("#sides")
        before = sides.evaluate("e => e.textContent")
        desk.page.keyboard.press("x")
        marked = desk.page.locator("#sides mark").count()
        assert marked > 0 or "differ too much" in desk.said or "(an empty answer)" in before
        assert sides.evaluate("e => e.textContent") == before
        if marked:
            desk.page.keyboard.press("x")
        assert desk.page.locator("#sides mark").count() == 0
        assert sides.evaluate("e => e.textContent") == before
        desk.answer("3")


def test_keys_are_changed_and_kept_and_each_means_one_thing(store: Store, page_as: PageAs) -> None:
    run = review_run(store, plain(3))
    desk = DeskPage(page_as("reviewer")).open()
    page = desk.page

    page.keyboard.press("?")
    page.locator('[data-remap="left_better"]').click()
    for key, told in (("1", "already means"), ("Backspace", "needed for other things"), ("a", "Keys saved.")):
        page.keyboard.press(key)
        page.locator("#keys-said", has_text=told).wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    assert run.vote_count("rita") == 0
    desk.answer("a")
    page.reload()
    desk.settled()
    assert page.locator('[data-action="left_better"] kbd').inner_text() == "A"
    desk.answer("a")
    desk.sent()
    assert choices(run) == ["left_better"] * 2
    page.keyboard.press("?")
    page.locator("#keys-reset").click()
    page.locator("#keys-said", has_text="Keys saved.").wait_for()
    page.keyboard.press("Escape")
    desk.answer("2")
    desk.sent()
    assert choices(run) == ["left_better"] * 3


def test_the_focus_is_never_lost_and_every_deed_is_told(store: Store, page_as: PageAs) -> None:
    run = review_run(store, plain(4))
    desk = DeskPage(page_as("reviewer")).open()
    page = desk.page
    live = page.locator("#live")
    page.locator('[data-action="right_better"]').focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(SETTLE_MS)
    assert live.inner_text() == "Saved: Right better."
    assert desk.focus == "prompt-title", "whoever pressed a button stands before the new question"
    page.keyboard.press("Tab")
    assert desk.focus == "prompt-text"
    page.keyboard.press("Tab")
    assert desk.focus == "left-text"
    desk.answer("2")
    assert desk.focus == "left-text", "a key moves nobody"
    page.keyboard.press("c")
    page.keyboard.press("Escape")
    assert desk.focus == "left-text"
    page.keyboard.press("f")
    assert live.inner_text() == "Flagged for the lead."
    page.keyboard.press("q")
    assert live.inner_text() == "serves-the-request: left is better"
    assert page.get_by_role("button", name="serves-the-request: left is better").count() == 1
    desk.sent()
    assert run.vote_count("rita") == 2
    for landmark in ("banner", "main"):
        assert page.get_by_role(landmark).count() == 1
    assert page.get_by_role("region", name="Left").count() == 1
    assert page.get_by_role("heading", level=1).count() == 1
