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
