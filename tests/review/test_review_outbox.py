"""Answers on a bad line: kept while the network is down, sent once, whoever else is at the queue."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from store import tables
from store.store import Store
from tests.review.desk_page import DeskPage, choices, standing, written
from tests.review.questions_for_review import plain, review_run
from tests.review.serving import PASSWORD, Served

pytestmark = pytest.mark.browser
PageAs = Callable[..., Any]


def test_what_is_answered_without_a_network_is_kept_and_sent_once(store: Store, page_as: PageAs) -> None:
    run = review_run(store, plain(6))
    desk = DeskPage(page_as("reviewer")).open()
    desk.page.context.set_offline(True)
    for key in "12":
        desk.answer(key)
    connection = desk.page.locator("#connection")
    connection.get_by_text("No connection").wait_for()
    assert "2 to be sent" in connection.inner_text()
    assert run.vote_count("rita") == 0
    assert desk.waiting() == 2
    desk.page.context.set_offline(False)
    desk.sent()
    connection.get_by_text("Connected").wait_for()
    assert sorted(choices(run)) == ["left_better", "left_much_better"]
    assert max(written(run).values()) == 1


def test_the_questions_in_hand_are_answered_before_the_page_waits_for_the_network(
    store: Store, page_as: PageAs
) -> None:
    run = review_run(store, plain(6))
    desk = DeskPage(page_as("reviewer")).open()
    desk.page.context.set_offline(True)
    for key in "123":
        desk.answer(key)
    desk.placed("No connection")
    desk.page.context.set_offline(False)
    desk.settled().sent()
    for key in "123":
        desk.answer(key)
    desk.placed("Nothing is waiting")
    desk.sent()
    assert run.vote_count("rita") == 6
    assert max(written(run).values()) == 1


def test_an_answer_is_kept_over_a_reload_while_the_server_is_away(store: Store, page_as: PageAs) -> None:
    run = review_run(store, plain(4))
    desk = DeskPage(page_as("reviewer")).open()
    page = desk.page
    first = desk.prompt
    page.route("**/api/**", lambda route: route.abort())
    desk.answer("5")
    page.reload()
    desk.placed("No connection")
    assert desk.waiting() == 1
    assert run.vote_count("rita") == 0
    page.unroute("**/api/**")
    desk.sent()
    page.reload()
    desk.settled()
    assert desk.prompt != first
    assert choices(run) == ["right_much_better"]
    assert max(written(run).values()) == 1


def test_an_answer_whose_confirmation_was_lost_counts_once(store: Store, page_as: PageAs) -> None:
    run = review_run(store, plain(3))
    desk = DeskPage(page_as("reviewer")).open()
    page = desk.page
    keys: list[str] = []

    def lose(route: Any) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) <= 2:
            route.fetch()  # the server has it; nobody hears
            route.abort()
        else:
            route.continue_()

    page.route("**/votes", lose)
    desk.answer("1")
    desk.sent()
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert choices(run) == ["left_much_better"]
    assert sum(written(run).values()) == 1


def test_an_answer_that_was_never_sent_is_taken_back_on_the_spot(store: Store, page_as: PageAs) -> None:
    run = review_run(store, plain(3))
    desk = DeskPage(page_as("reviewer")).open()
    page = desk.page
    page.context.set_offline(True)
    first = desk.prompt
    desk.answer("1")
    desk.answer("2")
    desk.answer("u")
    desk.answer("u")
    assert desk.prompt == first
    page.context.set_offline(False)
    desk.answer("4")
    desk.sent()
    assert {prompt: label.value for prompt, label in standing(run).items()}.keys() == {first}
    assert choices(run) == ["right_better"]


def test_whoever_was_logged_out_loses_no_answer(store: Store, page_as: PageAs, served: Served) -> None:
    run = review_run(store, plain(3))
    desk = DeskPage(page_as("reviewer")).open()
    page = desk.page
    served.desk.sessions.end(served.account("reviewer").id)
    desk.answer("1")
    page.locator("#locked-out").wait_for()
    assert desk.waiting() == 1
    page.locator("#locked-out a").click()
    page.get_by_label("Name").fill("rita")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    desk.settled().sent()
    assert choices(run) == ["left_much_better"]


def test_another_account_in_the_same_browser_sends_nothing_of_the_first(
    store: Store, page_as: PageAs, served: Served
) -> None:
    run = review_run(store, plain(8))
    desk = DeskPage(page_as("reviewer")).open()
    page = desk.page
    page.route("**/api/**", lambda route: route.abort())
    desk.answer("1")
    page.unroute("**/api/**")
    page.context.add_cookies(
        [{**page.context.cookies()[0], "value": served.session("lead")}],
    )
    page.reload()
    desk.settled()
    page.wait_for_load_state("networkidle")
    assert desk.waiting() == 1
    assert run.vote_count("leo") == 0


def test_two_reviewers_at_once_never_answer_the_same_question(store: Store, page_as: PageAs) -> None:
    run = review_run(store, plain(8))
    rita, leo = DeskPage(page_as("reviewer")).open(), DeskPage(page_as("lead")).open()
    assert rita.prompt != leo.prompt
    turns = 0
    while rita.page.locator("#sides").is_visible() or leo.page.locator("#sides").is_visible():
        for desk in (rita, leo):
            if desk.page.locator("#sides").is_visible():
                desk.answer("2")
                turns += 1
        if turns >= 8:
            break
    for desk in (rita, leo):
        desk.page.locator("#place-text").wait_for()
        desk.sent()
    assert run.vote_count("rita") + run.vote_count("leo") == 8
    assert set(written(run).values()) == {1}


def test_a_queue_in_others_hands_says_so_and_comes_when_they_give_it_back(
    store: Store, page_as: PageAs
) -> None:
    review_run(store, plain(2))
    rita = DeskPage(page_as("reviewer")).open()
    leo = DeskPage(page_as("lead"))
    leo.page.clock.install()
    leo.page.goto("/review/desk")
    leo.placed("Others are looking at the last 2 questions")
    rita.page.goto("/account")  # gives back what was not looked at
    leo.page.clock.run_for(16_000)
    leo.page.locator("#sides").wait_for()


def test_an_answer_after_the_lease_ran_out_is_kept(store: Store, page_as: PageAs) -> None:
    run = review_run(store, plain(1))
    rita = DeskPage(page_as("reviewer")).open()
    past = datetime.now(UTC) - timedelta(seconds=1)
    with store.database.write() as connection:
        connection.execute(sa.update(tables.claims).values(expires_at=past))
    leo = DeskPage(page_as("lead")).open()
    assert leo.prompt == rita.prompt
    leo.answer("1")
    leo.sent()
    rita.answer("4")
    rita.sent()
    rita.placed("Nothing is waiting")
    assert rita.page.locator("#notices .note").count() == 0
    assert choices(run, "leo") == ["left_much_better"]
    assert choices(run, "rita") == ["right_better"]


def test_an_answer_that_the_server_refuses_is_told_and_holds_nothing_up(
    store: Store, page_as: PageAs
) -> None:
    run = review_run(store, plain(3))
    desk = DeskPage(page_as("reviewer")).open()
    page = desk.page
    page.route(
        "**/votes",
        lambda route: route.fulfill(
            status=404, content_type="application/problem+json", body='{"title": "gone", "detail": "gone"}'
        ),
        times=1,
    )
    desk.answer("1")
    page.locator("#notices", has_text="not in the queue any more").wait_for()
    desk.answer("2")
    desk.sent()
    assert choices(run) == ["left_better"]
