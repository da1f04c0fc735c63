"""The window, the rates, the server's allowance and the brake, each by itself and together."""

import asyncio
import time
from bisect import bisect_left
from itertools import pairwise

import httpx
import pytest

from judge.api.rates import Allowance, Rate
from judge.api.throttle import Throttle, Turn
from judge.api.window import Window


def rounds(window: Window, count: int, busy: float) -> None:
    for _ in range(count):
        width = int(window.limit)
        for number in range(width):
            window.answered(busy=number < busy * width)


def test_a_round_of_busy_answers_halves_the_window_and_never_closes_it() -> None:
    window = Window(64)
    widths = []
    for _ in range(9):
        rounds(window, 1, busy=1.0)
        widths.append(window.limit)
    assert widths[:6] == [32, 16, 8, 4, 2, 1]
    assert widths[-1] == window.lowest == 1
    assert window.free


def test_a_window_opens_again_by_steps_up_to_what_was_configured() -> None:
    window = Window(64)
    rounds(window, 6, busy=1.0)
    widths = [window.limit]
    for _ in range(20):
        rounds(window, 1, busy=0.0)
        widths.append(window.limit)
    grown = [after - before for before, after in pairwise(widths)]
    assert all(step <= 4.0 for step in grown)
    assert grown[0] <= 2.0
    assert widths[-1] == 64


def test_a_few_busy_answers_narrow_the_window_a_little() -> None:
    window = Window(512)
    rounds(window, 200, busy=0.01)
    assert window.limit > 480
    rounds(window, 3, busy=0.5)
    assert window.limit < 280


def test_a_server_that_takes_only_so_many_is_found_out() -> None:
    window, capacity = Window(256), 40
    for _ in range(300):
        width = int(window.limit)
        for number in range(width):
            window.answered(busy=number >= capacity)
    assert capacity * 0.8 <= window.limit <= capacity * 1.3


@pytest.mark.parametrize("per_minute", [1, 60, 6000])
def test_no_minute_has_more_than_its_share(per_minute: int) -> None:
    rate, now, left = Rate(per_minute, catch_up_s=0.05), 1000.0, []
    while now < 1180.0:
        now += rate.wait(now)
        rate.take(1.0, now)
        left.append(now)
    busiest = max(
        bisect_left(left, start + 60.0 - 1e-6) - index for index, start in enumerate(left[: per_minute + 2])
    )
    assert busiest <= per_minute
    assert len(left) >= 2.9 * per_minute


def test_a_pause_is_caught_up_with_only_briefly() -> None:
    rate = Rate(6000, catch_up_s=0.05)
    rate.take(1.0, 0.0)
    at_once = 0
    while not rate.wait(100.0):
        rate.take(1.0, 100.0)
        at_once += 1
    assert 5 <= at_once <= 6


def test_what_a_request_really_took_moves_the_next_one() -> None:
    rate = Rate(60, catch_up_s=0.0)
    rate.take(1.0, 0.0)
    rate.correct(9.0)
    assert rate.wait(0.0) == pytest.approx(10.0)
    rate.correct(-9.0)
    assert rate.wait(0.0) == pytest.approx(1.0)


def told(allowance: Allowance, number: int, left: str, reset: str, *, sent_with: float, now: float) -> None:
    headers = {"x-ratelimit-remaining-requests": left, "x-ratelimit-reset-requests": reset}
    allowance.told(headers, number, sent_with, now, most_s=60.0)


def test_nothing_leaves_once_the_server_has_nothing_left_until_its_reset() -> None:
    allowance = Allowance("requests")
    for _ in range(3):
        allowance.take(1.0)
    told(allowance, 1, "3", "10s", sent_with=1.0, now=0.0)  # two left after it, so one is left
    assert allowance.wait(0.0) == 0.0
    allowance.take(1.0)
    assert allowance.wait(4.0) == pytest.approx(6.0)
    assert allowance.wait(10.0) == 0.0


def test_a_newer_answer_counts_and_a_reset_is_bounded() -> None:
    allowance = Allowance("requests")
    told(allowance, 5, "0", "1h", sent_with=0.0, now=0.0)
    assert allowance.wait(0.0) == 60.0
    told(allowance, 4, "100", "1s", sent_with=0.0, now=0.0)
    assert allowance.wait(0.0) == 60.0
    told(allowance, 6, "100", "1s", sent_with=0.0, now=0.0)
    assert allowance.wait(0.0) == 0.0


def test_a_request_that_needs_more_than_is_left_waits_for_the_reset() -> None:
    allowance = Allowance("tokens")
    headers = {"x-ratelimit-remaining-tokens": "500", "x-ratelimit-reset-tokens": "8s"}
    allowance.told(headers, 1, 0.0, 0.0, most_s=60.0)
    assert allowance.wait(0.0, 400.0) == 0.0
    assert allowance.wait(0.0, 600.0) == 8.0
    assert allowance.wait(8.0, 600.0) == 0.0


@pytest.mark.parametrize(("left", "reset"), [("many", "1s"), ("0", "soon"), ("0", "")])
def test_headers_that_cannot_be_read_hold_nothing_back(left: str, reset: str) -> None:
    allowance = Allowance("requests")
    told(allowance, 1, left, reset, sent_with=0.0, now=0.0)
    assert allowance.wait(0.0) == 0.0


async def finish(throttle: Throttle, turn: Turn, **headers: str) -> None:
    await asyncio.sleep(0)
    throttle.leave(turn, 10.0, httpx.Headers({n.replace("_", "-"): v for n, v in headers.items()}))


def test_requests_leave_in_the_order_they_came_and_those_tried_before_go_first() -> None:
    async def play() -> list[str]:
        throttle, order = Throttle(1, 60.0), []

        async def request(name: str, again: bool) -> None:
            turn = await throttle.enter(1.0, again=again)
            order.append(name)
            await finish(throttle, turn)

        turn = await throttle.enter(1.0)
        waiting = [asyncio.create_task(request(name, name == "again")) for name in ("one", "two", "again")]
        await asyncio.sleep(0)
        throttle.leave(turn)
        await asyncio.gather(*waiting)
        return order

    assert asyncio.run(play()) == ["again", "one", "two"]


def test_one_busy_answer_with_a_wait_holds_back_everybody() -> None:
    async def play() -> tuple[float, str]:
        throttle = Throttle(8, 60.0)
        turn = await throttle.enter(1.0)
        throttle.count(busy=True, why="HTTP 429: slow down", asked_s=0.2)
        throttle.leave(turn)
        start = time.monotonic()
        waiting = asyncio.create_task(throttle.enter(1.0))
        await asyncio.sleep(0)
        line = throttle.activity.line()
        throttle.leave(await waiting)
        return time.monotonic() - start, line

    waited, line = asyncio.run(play())
    assert waited >= 0.19
    assert "waiting" in line
    assert "HTTP 429: slow down" in line


def test_no_server_can_hold_us_back_longer_than_the_longest_wait() -> None:
    async def play() -> float:
        throttle = Throttle(1, longest_wait_s=0.1)
        throttle.count(busy=True, why="come back tomorrow", asked_s=86400.0)
        return throttle.activity.waited_s

    assert asyncio.run(play()) == pytest.approx(0.1, abs=0.01)


def test_a_cancelled_request_gives_its_place_to_the_next() -> None:
    async def play() -> int:
        throttle = Throttle(1, 60.0)
        turn = await throttle.enter(1.0)
        first, second = (asyncio.create_task(throttle.enter(1.0)) for _ in range(2))
        await asyncio.sleep(0)
        throttle.leave(turn)  # the first is let go, and cancelled before it knows
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        throttle.leave(await second)
        return throttle.activity.in_flight

    assert asyncio.run(play()) == 0


def test_what_was_learned_outlives_the_event_loop() -> None:
    throttle = Throttle(4, 60.0)

    async def storm() -> None:
        for _ in range(4):
            throttle.count(busy=True, why="no")
        throttle.close()

    asyncio.run(storm())
    throttle.leave(asyncio.run(throttle.enter(1.0)))
    assert throttle.activity.limit == 2
