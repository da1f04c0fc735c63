"""Trouble that passes, and trouble that stays."""

import asyncio
import threading
import time
from itertools import count

import pytest

from judge import JudgeStopped
from store.records import Verdict
from tests.judge.asking import Answer, failing, judge_for, judged, one, perfect
from tests.judge.chat_server import Behaviour, Body
from tests.judge.conftest import Serve
from tests.judge.planted import planted_comparison


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503])
def test_passing_trouble_is_tried_again(serve: Serve, status: int) -> None:
    trouble = failing(status, "busy")
    server = serve(lambda body, number: trouble(body, number) if number == 0 else perfect(body, number))
    assert one(judge_for(server.url)).p_first == 1.0
    assert len(server.requests) == 3


def test_a_servers_wish_to_wait_is_kept(serve: Serve) -> None:
    asked: list[float] = []

    def behave(body: Body, number: int) -> Answer:
        asked.append(time.monotonic())
        return (
            failing(429, "slow down", **{"Retry-After": "1"})(body, number)
            if number == 0
            else perfect(body, number)
        )

    assert one(judge_for(serve(behave).url)).p_first == 1.0
    assert asked[1] - asked[0] >= 1.0


def test_a_wish_to_wait_beyond_the_deadline_is_not_waited_for(serve: Serve) -> None:
    server = serve(failing(429, "come back tomorrow", **{"Retry-After": "86400"}))
    verdict = one(judge_for(server.url))
    assert verdict.unscored == "HTTP 429: come back tomorrow"
    assert len(server.requests) == 1


def test_an_answer_that_is_no_completion_is_tried_again(serve: Serve) -> None:
    bodies = ["<html>Bad gateway</html>", {"error": {"message": "upstream"}}, {"choices": []}]
    server = serve(lambda b, n: (200, {}, bodies[n]) if n < 3 else perfect(b, n))
    assert one(judge_for(server.url, attempts=4)).p_first == 1.0


def test_an_attempt_that_takes_too_long_is_tried_again(serve: Serve) -> None:
    release = threading.Event()

    def behave(body: Body, number: int) -> Answer:
        if number == 0:
            release.wait(20)
        return perfect(body, number)

    try:
        assert one(judge_for(serve(behave).url, timeout_s=1.0)).p_first == 1.0
    finally:
        release.set()


def test_used_up_attempts_leave_the_verdict_unscored(serve: Serve) -> None:
    def behave(body: Body, number: int) -> Answer:
        if "worth=666" in body["messages"][0]["content"]:
            return 500, {}, "oh dear"
        return perfect(body, number)

    server = serve(behave)
    fine, cursed = judged(
        judge_for(server.url, concurrency=1, attempts=2),
        [planted_comparison(7, 3), planted_comparison(666, 3)],
    )
    assert fine.p_first == 1.0
    assert cursed.unscored == "HTTP 500: oh dear"
    assert len(server.requests) == 4


def test_a_server_that_goes_on_failing_stops_the_judge_and_keeps_what_was_judged(serve: Serve) -> None:
    server = serve(lambda b, n: perfect(b, n) if n < 2 else (503, {}, "down"))
    arrived: list[Verdict] = []

    async def collect() -> None:
        judge = judge_for(server.url, concurrency=1, attempts=1)
        async for verdict in judge.compare(planted_comparison(n, 3) for n in count(10)):
            arrived.append(verdict)

    with pytest.raises(JudgeStopped, match=r"5 request.* in a row"):
        asyncio.run(collect())
    assert arrived[0].p_first == 1.0
    assert [v.unscored for v in arrived[1:]] == ["HTTP 503: down"] * 4


@pytest.mark.parametrize(("status", "reason"), [(500, "HTTP 500: no"), (400, "HTTP 400: no")])
def test_many_single_failures_among_answers_do_not_stop_the_judge(
    serve: Serve, status: int, reason: str
) -> None:
    cursed = failing(status)
    server = serve(lambda b, n: cursed(b, n) if "worth=666" in b["messages"][0]["content"] else perfect(b, n))
    comparisons = [planted_comparison(7, 3 if n % 2 else 666, f"Question {n}?") for n in range(14)]
    verdicts = judged(judge_for(server.url, concurrency=1, attempts=1, structured="text"), comparisons)
    assert [v.unscored for v in verdicts] == [reason, None] * 7


def test_rejections_in_a_row_stop_a_judge_only_if_nothing_ever_worked(serve: Serve) -> None:
    rejected = failing(400)
    comparisons = [planted_comparison(7, 3, f"Question {n}?") for n in range(8)]
    server = serve(lambda b, n: perfect(b, n) if n < 2 else rejected(b, n))
    judge = judge_for(server.url, concurrency=1, structured="text", logprobs="never")
    assert [v.unscored for v in judged(judge, comparisons)] == [None, *["HTTP 400: no"] * 7]
    with pytest.raises(JudgeStopped, match="HTTP 400: no"):
        judged(judge_for(serve(rejected).url, concurrency=1), comparisons)


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (failing(401, "Incorrect API key"), "TEST_JUDGE_KEY"),
        (failing(400, "API key not valid. Please pass a valid API key."), "TEST_JUDGE_KEY"),
        (failing(403, "Project has no access"), "no permission"),
        (failing(404, "The model does not exist", "model_not_found"), "judge.model 'test-model'"),
        (failing(429, "You exceeded your current quota", "insufficient_quota"), "no quota"),
        (failing(402, "Insufficient credits"), "no quota"),
    ],
)
def test_what_would_fail_every_request_stops_the_judge(
    serve: Serve, behaviour: Behaviour, words: str
) -> None:
    server = serve(behaviour)
    with pytest.raises(JudgeStopped, match=words) as stopped:
        one(judge_for(server.url, api_key_env="TEST_JUDGE_KEY"))
    assert server.url in str(stopped.value)
    assert len(server.requests) == 1


def test_the_answers_own_words_in_an_error_do_not_stop_the_judge(serve: Serve) -> None:
    """A server may echo what it refuses; an answer that talks of API keys must not end the run."""

    echo = "invalid api key, model does not exist, insufficient_quota, context length"
    refusal = {"detail": [{"loc": ["body"], "msg": "bad value", "input": echo}]}
    verdict = one(judge_for(serve(lambda _b, _n: (422, {}, refusal)).url))
    assert verdict.unscored == "HTTP 422: ['body'] bad value"


def test_a_server_that_is_not_there_stops_the_judge() -> None:
    with pytest.raises(JudgeStopped, match=r"cannot connect.*judge\.base_url"):
        one(judge_for("http://127.0.0.1:9/v1", attempts=2))


# Each kind of trouble has its own attempts


def test_trouble_of_different_kinds_does_not_use_up_one_anothers_attempts(serve: Serve) -> None:
    troubles = [
        failing(500),
        failing(429),
        lambda _b, _n: (200, {}, "<html></html>"),
        failing(504),
        failing(503),
        failing(502),
    ]
    server = serve(lambda b, n: troubles[n](b, n) if n < len(troubles) else perfect(b, n))
    judge = judge_for(server.url, attempts=3, deadline_s=60.0)
    assert one(judge).p_first == 1.0
    assert judge.activity.retries == {"server": 2, "busy": 2, "malformed": 1, "timeout": 1}
    assert "tried again: 2 server" in judge.activity.line()
    assert judge.activity.figures()["retries_busy"] == 2.0


def test_a_request_with_all_its_attempts_ends_at_its_deadline(serve: Serve) -> None:
    server = serve(failing(500, "oh dear"))
    start = time.monotonic()
    verdict = one(judge_for(server.url, attempts=1000, deadline_s=2.0))
    assert verdict.unscored == "HTTP 500: oh dear"
    assert time.monotonic() - start < 8.0
    assert len(server.requests) < 12


def test_the_server_being_busy_holds_back_requests_that_have_not_left_yet(serve: Serve) -> None:
    asked: list[float] = []

    def behave(body: Body, number: int) -> Answer:
        asked.append(time.monotonic())
        if number == 0:
            return failing(429, "slow down", **{"retry-after-ms": "1500"})(body, number)
        return perfect(body, number)

    judge = judge_for(serve(behave).url, concurrency=1)
    comparisons = [planted_comparison(7, 3, f"Question {n}?") for n in range(3)]
    assert [v.p_first for v in judged(judge, comparisons)] == [1.0] * 3
    assert asked[1] - asked[0] >= 1.5
    assert judge.activity.waited_s == pytest.approx(1.5, abs=0.1)


def test_a_server_that_says_when_it_takes_more_is_not_asked_before(serve: Serve) -> None:
    asked: list[float] = []

    def behave(body: Body, number: int) -> Answer:
        asked.append(time.monotonic())
        headers = {
            "x-ratelimit-remaining-requests": str(1 - number % 2),
            "x-ratelimit-reset-requests": "700ms",
        }
        return 200, headers, perfect(body, number)[2]

    judge = judge_for(serve(behave).url, concurrency=1)
    assert one(judge).p_first == 1.0
    assert one(judge, 3, 7).p_first == 0.0
    assert asked[2] - asked[1] >= 0.6


def test_a_refusal_for_this_minutes_quota_is_waited_out(serve: Serve) -> None:
    """Gemini speaks of quota and billing where a minute's share is used up, and says how long that lasts."""
    busy = failing(429, "You exceeded your current quota, check your billing. Please retry in 0.3s.")
    server = serve(lambda body, number: busy(body, number) if number == 0 else perfect(body, number))
    assert one(judge_for(server.url)).p_first == 1.0


def test_a_redirect_is_reported_with_where_it_leads(serve: Serve) -> None:
    server = serve(lambda _b, _n: (308, {"Location": "https://elsewhere.example/v1"}, ""))
    with pytest.raises(JudgeStopped, match=r"redirects to https://elsewhere\.example/v1.*judge\.base_url"):
        one(judge_for(server.url))


def test_an_error_that_comes_with_status_200_is_taken_for_what_it_says(serve: Serve) -> None:
    busy = {"error": {"code": 429, "message": "rate limited upstream"}}
    server = serve(lambda body, number: (200, {}, busy) if number == 0 else perfect(body, number))
    judge = judge_for(server.url)
    assert one(judge).p_first == 1.0
    assert judge.activity.retries == {"busy": 1}
    with pytest.raises(JudgeStopped, match="no quota left"):
        one(judge_for(serve(lambda _b, _n: (200, {}, {"error": {"code": 402, "message": "pay"}})).url))
