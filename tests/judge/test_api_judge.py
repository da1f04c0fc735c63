"""The API judge against a real server on a loopback socket, in every mood that servers have."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest

from judge import ApiJudge, ApiJudgeSettings, JudgeSettingsError, JudgeStopped, build_judge, check_judge
from prompts.template import load_template
from store.records import Comparison, Verdict
from tests.judge.chat_server import Behaviour, Body, completion, token
from tests.judge.conftest import Serve
from tests.judge.planted import GENERAL, better_label, planted_comparison

Answer = tuple[int, dict[str, str], Any]


def judge_for(url: str, *, template: str = "pairwise_json", **settings: Any) -> ApiJudge:
    asked = {"attempts": 3, "timeout_s": 5.0, "deadline_s": 10.0, "concurrency": 4} | settings
    return ApiJudge(
        ApiJudgeSettings(base_url=url, model="test-model", template=template, **asked),
        load_template(template),
        GENERAL,
    )


def judged(judge: ApiJudge, comparisons: list[Comparison]) -> list[Verdict]:
    async def collect() -> list[Verdict]:
        return [verdict async for verdict in judge.compare(comparisons)]

    return asyncio.run(collect())


def one(judge: ApiJudge, first: int = 7, second: int = 3) -> Verdict:
    (verdict,) = judged(judge, [planted_comparison(first, second)])
    return verdict


def spoken(body: Body) -> str:
    return json.dumps({"reasoning": "one is worth more", "verdict": better_label(body["messages"])})


def perfect(body: Body, _: int) -> Answer:
    return 200, {}, completion(spoken(body))


def refuses(*parameters: str) -> Behaviour:
    """A perfect judge on a server that knows none of these parameters."""

    def behave(body: Body, number: int) -> Answer:
        for parameter in parameters:
            if parameter in body:
                error = {"message": f"Unsupported parameter: '{parameter}'", "param": parameter, "code": None}
                return 400, {}, {"error": error}
        return perfect(body, number)

    return behave


def failing(status: int, message: str = "no", code: str | None = None, **headers: str) -> Behaviour:
    return lambda _body, _number: (status, headers, {"error": {"message": message, "code": code}})


# What is asked, and how it is read


@pytest.mark.parametrize(("first", "second"), [(7, 3), (3, 7)])
def test_both_orders_are_asked_and_read_for_the_right_sample(serve: Serve, first: int, second: int) -> None:
    server = serve(perfect)
    verdict = one(judge_for(server.url), first, second)
    won = 1.0 if first > second else 0.0
    assert (verdict.p_first, verdict.p_first_shown_first, verdict.p_first_shown_second) == (won, won, won)
    shown = [body["messages"][0]["content"] for body in server.requests]
    assert shown[0].index(f"worth={first}") < shown[0].index(f"worth={second}")
    assert shown[1].index(f"worth={first}") > shown[1].index(f"worth={second}")


def test_a_verdict_keeps_what_was_asked_answered_and_used(serve: Serve) -> None:
    server = serve(perfect)
    verdict = one(judge_for(server.url))
    asked = [json.dumps(b["messages"], separators=(",", ":"), sort_keys=True) for b in server.requests]
    assert list(verdict.prompt_texts) == asked
    assert [reply["text"] for reply in json.loads(verdict.raw)] == [spoken(b) for b in server.requests]
    assert "one is worth more" in verdict.rationale
    assert (verdict.usage.calls, verdict.usage.input_tokens, verdict.usage.output_tokens) == (2, 200, 14)


def test_a_judge_that_always_takes_the_first_place_ends_undecided(serve: Serve) -> None:
    server = serve(lambda _b, _n: (200, {}, completion('{"reasoning": "", "verdict": "A"}')))
    verdict = one(judge_for(server.url))
    assert verdict.p_first == 0.5
    assert verdict.flipped


def test_log_probabilities_make_a_soft_verdict_of_one_answer(serve: Serve) -> None:
    def soft(body: Body, _: int) -> Answer:
        right = better_label(body["messages"])
        wrong = "B" if right == "A" else "A"
        parts = [token(right, {right: 0.6, wrong: 0.2, "Hm": 0.1})]
        return 200, {}, completion(right, logprobs={"content": parts})

    server = serve(soft)
    verdict = one(judge_for(server.url, template="pairwise", votes=5, temperature=1.0))
    assert verdict.p_first == pytest.approx(0.75)
    assert verdict.label_mass == pytest.approx(0.8)
    assert len(server.requests) == 2
    assert all(body["logprobs"] and body["top_logprobs"] == 20 for body in server.requests)
    assert not any("response_format" in body for body in server.requests)


def test_without_log_probabilities_votes_are_counted(serve: Serve) -> None:
    def wavering(body: Body, number: int) -> Answer:
        right = better_label(body["messages"])
        wrong = "B" if right == "A" else "A"
        return 200, {}, completion(wrong if number % 4 == 0 else right)

    server = serve(wavering)
    judge = judge_for(server.url, template="pairwise", votes=4, temperature=0.7, concurrency=1)
    verdict = one(judge)
    assert verdict.p_first == verdict.p_first_shown_first == verdict.p_first_shown_second == 0.75
    assert len(server.requests) == verdict.usage.calls == 8
    assert not any("n" in body for body in server.requests)


def test_log_probabilities_are_not_asked_for_when_told_not_to(serve: Serve) -> None:
    server = serve(perfect)
    assert one(judge_for(server.url, logprobs="never")).p_first == 1.0
    assert not any("logprobs" in body or "top_logprobs" in body for body in server.requests)


def test_votes_at_temperature_zero_are_refused_as_one_vote() -> None:
    with pytest.raises(JudgeSettingsError, match=r"judge\.votes"):
        judge_for("http://127.0.0.1:9/v1", votes=3)


# What a server takes is learned from what it rejects


def test_a_capable_server_is_given_the_schema(serve: Serve) -> None:
    server = serve(perfect)
    one(judge_for(server.url))
    schema = server.requests[0]["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"]["properties"]["verdict"]["enum"] == ["A", "B"]


def test_a_server_without_structured_output_is_asked_in_plain_text(serve: Serve) -> None:
    server = serve(refuses("response_format"))
    judge = judge_for(server.url, concurrency=1)
    assert [v.p_first for v in judged(judge, [planted_comparison(7, 3), planted_comparison(1, 2)])] == [
        1.0,
        0.0,
    ]
    forms = [body.get("response_format", {}).get("type") for body in server.requests]
    assert forms == ["json_schema", "json_object", None, None, None, None]


def test_a_server_that_takes_json_objects_only_is_asked_for_one(serve: Serve) -> None:
    def behave(body: Body, number: int) -> Answer:
        if body["response_format"]["type"] == "json_schema":
            return 400, {}, {"error": {"message": "response_format type json_schema is unavailable"}}
        return perfect(body, number)

    server = serve(behave)
    assert one(judge_for(server.url)).p_first == 1.0
    assert [body["response_format"]["type"] for body in server.requests][1:] == ["json_object"] * 2


@pytest.mark.parametrize(
    ("parameters", "kept"),
    [
        (("logprobs", "top_logprobs"), "response_format"),
        (("temperature",), "logprobs"),
        (("max_tokens",), "max_completion_tokens"),
        (
            ("response_format", "logprobs", "top_logprobs", "temperature", "max_tokens"),
            "max_completion_tokens",
        ),
    ],
)
def test_only_what_a_server_names_is_left_out(serve: Serve, parameters: tuple[str, ...], kept: str) -> None:
    server = serve(refuses(*parameters))
    assert one(judge_for(server.url)).p_first == 1.0
    assert kept in server.requests[-1]
    assert not set(parameters) & set(server.requests[-1])


def test_a_server_that_lists_few_tokens_is_asked_for_few(serve: Serve) -> None:
    def behave(body: Body, number: int) -> Answer:
        if body["top_logprobs"] > 5:
            return 400, {}, {"error": {"message": "top_logprobs must be at most 5", "param": "top_logprobs"}}
        return perfect(body, number)

    server = serve(behave)
    assert one(judge_for(server.url)).p_first == 1.0
    assert [body["top_logprobs"] for body in server.requests] == [20, 5, 5]


def test_a_server_that_names_nothing_is_asked_for_less_and_less(serve: Serve) -> None:
    def behave(body: Body, number: int) -> Answer:
        if "response_format" in body or "logprobs" in body:
            return 422, {}, {"detail": [{"loc": ["body"], "msg": "extra fields", "input": body}]}
        return perfect(body, number)

    assert one(judge_for(serve(behave).url)).p_first == 1.0


def test_one_rejection_for_other_reasons_takes_nothing_from_later_requests(serve: Serve) -> None:
    def behave(body: Body, number: int) -> Answer:
        if "worth=666" in body["messages"][0]["content"]:
            return 400, {}, {"error": {"message": "cannot process this"}}
        return perfect(body, number)

    server = serve(behave)
    judge = judge_for(server.url, concurrency=1)
    cursed, fine = judged(judge, [planted_comparison(666, 3), planted_comparison(7, 3)])
    assert cursed.unscored == "HTTP 400: cannot process this"
    assert fine.p_first == 1.0
    assert server.requests[-1]["response_format"]["type"] == "json_schema"


def test_a_server_that_ignores_the_form_must_still_say_a_readable_verdict(serve: Serve) -> None:
    server = serve(lambda b, _n: (200, {}, completion(f"I prefer {better_label(b['messages'])}, verdict: A")))
    verdict = one(judge_for(server.url))
    assert verdict.p_first is None
    assert verdict.unscored == "unreadable reply, twice: it is not one JSON object"


# Replies that are no verdict


def test_an_unreadable_reply_is_sent_back_once_with_the_reason(serve: Serve) -> None:
    def behave(body: Body, number: int) -> Answer:
        return (200, {}, completion("Surely A.")) if len(body["messages"]) == 1 else perfect(body, number)

    server = serve(behave)
    verdict = one(judge_for(server.url, concurrency=1))
    assert verdict.p_first == 1.0
    assert verdict.usage.calls == 4
    repair = server.requests[1]["messages"]
    assert [message["role"] for message in repair] == ["user", "assistant", "user"]
    assert "it is not one JSON object" in repair[2]["content"]
    assert [reply["text"] for reply in json.loads(verdict.raw)][::2] == ["Surely A."] * 2


def test_a_minority_of_lost_votes_is_borne_and_a_majority_is_not(serve: Serve) -> None:
    lost = 0

    def behave(body: Body, number: int) -> Answer:
        # Requests come one by one: the votes of an order, a lost one followed by its repair.
        return (200, {}, completion("?")) if number < 2 * lost else perfect(body, number)

    settings = {"template": "pairwise_json", "votes": 3, "temperature": 1.0, "concurrency": 1}
    lost = 1
    assert one(judge_for(serve(behave).url, **settings)).p_first == 1.0
    lost = 2
    assert one(judge_for(serve(behave).url, **settings)).p_first is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (completion("", finish_reason="content_filter"), "content filter"),
        (completion("", refusal="I will not."), "refused"),
        (completion('{"reasoning": "It is', finish_reason="length"), "cut at max_tokens"),
        (completion(""), "it is empty"),
        (completion('{"reasoning": "", "verdict": "tie"}'), "neither A nor B"),
    ],
)
def test_a_judge_that_gives_no_verdict_leaves_it_unscored(serve: Serve, answer: Body, reason: str) -> None:
    verdict = one(judge_for(serve(lambda _b, _n: (200, {}, answer)).url))
    assert verdict.p_first is None
    assert verdict.unscored is not None
    assert reason in verdict.unscored
    assert verdict.usage.calls >= 1


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (
            failing(400, "This model's maximum context length is 8192 tokens", "context_length_exceeded"),
            "longer than",
        ),
        (failing(413, "Request Entity Too Large"), "longer than"),
        (failing(400, "The response was filtered", "content_filter"), "content filter"),
        (failing(403, "Input was flagged by moderation"), "content filter"),
    ],
)
def test_what_no_request_can_judge_is_given_up_at_once(
    serve: Serve, behaviour: Behaviour, reason: str
) -> None:
    server = serve(behaviour)
    verdict = one(judge_for(server.url))
    assert verdict.unscored is not None
    assert reason in verdict.unscored
    assert len(server.requests) == 1


def test_a_text_that_cannot_be_sent_costs_its_comparison_alone(serve: Serve) -> None:
    server = serve(perfect)
    comparisons = [planted_comparison(7, 3, "What is \ud800 worth?"), planted_comparison(7, 3)]
    broken, fine = judged(judge_for(server.url, concurrency=1), comparisons)
    assert broken.unscored is not None
    assert "lone surrogate" in broken.unscored
    assert fine.p_first == 1.0


# Trouble that passes, and trouble that stays


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


# The key, the pool, the network


def test_a_key_comes_from_the_environment_alone(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(perfect)
    monkeypatch.setenv("TEST_JUDGE_KEY", "sesame")
    verdict = one(judge_for(server.url, api_key_env="TEST_JUDGE_KEY"))
    assert set(server.authorization) == {"Bearer sesame"}
    assert "sesame" not in verdict.model_dump_json() + verdict.judge
    monkeypatch.delenv("TEST_JUDGE_KEY")
    one(judge_for(server.url, api_key_env="TEST_JUDGE_KEY"))
    assert "Bearer sesame" not in server.authorization[2:]


def test_a_proxy_in_the_environment_is_not_asked_for_a_server_on_this_machine(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(perfect)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert one(judge_for(server.url)).p_first == 1.0


def test_a_missing_key_is_refused_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_JUDGE_KEY", raising=False)
    settings = ApiJudgeSettings(base_url="https://judge.example/v1", model="m", api_key_env="TEST_JUDGE_KEY")
    for refuse in (check_judge, build_judge):
        with pytest.raises(JudgeSettingsError, match="TEST_JUDGE_KEY is not set"):
            refuse(settings)


def test_requests_in_flight_and_comparisons_drawn_are_bounded(serve: Serve) -> None:
    drawn = 0

    def many() -> Iterator[Comparison]:
        nonlocal drawn
        for n in range(40):
            drawn += 1
            yield planted_comparison(n + 10, 3)

    def behave(body: Body, number: int) -> Answer:
        time.sleep(0.02)
        return perfect(body, number)

    async def collect() -> int:
        arrived = 0
        async for verdict in judge.compare(many()):
            assert verdict.p_first == 1.0
            arrived += 1
            assert drawn <= arrived + 3
        return arrived

    server = serve(behave)
    judge = judge_for(server.url, concurrency=3)
    assert asyncio.run(collect()) == 40
    assert server.peak == 3


def test_leaving_early_ends_the_requests_and_the_judge_can_be_used_again(serve: Serve) -> None:
    server = serve(perfect)
    judge = judge_for(server.url)

    async def first_only() -> Verdict:
        verdicts = judge.compare(planted_comparison(n, 3) for n in count(10))
        verdict = await anext(verdicts)
        await verdicts.aclose()
        return verdict

    assert asyncio.run(first_only()).p_first == 1.0
    assert asyncio.run(first_only()).p_first == 1.0


def test_a_transport_of_ones_own_replaces_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_JUDGE_KEY", "sesame")

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=completion(spoken(json.loads(request.content))))

    settings = ApiJudgeSettings(base_url="https://judge.example/v1", model="m", api_key_env="TEST_JUDGE_KEY")
    judge = ApiJudge(settings, load_template("pairwise_json"), GENERAL, httpx.MockTransport(answer))
    assert one(judge).p_first == 1.0


def test_the_name_changes_with_whatever_changes_verdicts() -> None:
    url = "http://127.0.0.1:9/v1"
    names = [
        judge_for(url).name,
        judge_for(url, template="pairwise").name,
        judge_for("http://127.0.0.1:10/v1").name,
        judge_for(url, temperature=0.5).name,
        judge_for(url, temperature=0.5, votes=3).name,
        judge_for(url, max_tokens=7).name,
        judge_for(url, structured="text").name,
        judge_for(url, logprobs="never").name,
    ]
    assert len(set(names)) == len(names)
    assert judge_for(url, concurrency=9, attempts=1, timeout_s=1.0).name == names[0]
