"""What a server takes is learned from what it rejects."""

from pathlib import Path

import pytest

from tests.judge.asking import Answer, judge_for, judged, one, perfect, refuses, spoken
from tests.judge.chat_server import Body, completion
from tests.judge.conftest import Serve
from tests.judge.planted import better_label, planted_comparison


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


# Models that reason before they reply


def thinking(text: str, thoughts: int, *, finish_reason: str = "stop") -> Body:
    answer = completion(text, finish_reason=finish_reason)
    answer["usage"] |= {
        "completion_tokens": thoughts + 7,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": thoughts},
    }
    return answer


def test_a_reasoning_model_is_asked_without_what_it_does_not_take_and_with_room_to_think(
    serve: Serve,
) -> None:
    refusing = refuses("max_tokens", "temperature", "logprobs", "top_logprobs")

    def behave(body: Body, number: int) -> Answer:
        status, headers, answer = refusing(body, number)
        return (200, headers, thinking(spoken(body), 200)) if status == 200 else (status, headers, answer)

    server = serve(behave)
    verdict = one(judge_for(server.url, max_tokens=100, reasoning_tokens=3000))
    assert verdict.p_first == 1.0
    last = server.requests[-1]
    assert last["max_completion_tokens"] == 3100
    assert not {"max_tokens", "temperature", "logprobs", "top_logprobs"} & set(last)
    assert (verdict.usage.reasoning_tokens, verdict.usage.cached_tokens) == (400, 128)
    assert (verdict.usage.output_tokens, verdict.usage.input_tokens) == (414, 200)


def test_a_reply_that_thinking_left_no_room_for_is_asked_for_again_with_room(serve: Serve) -> None:
    def behave(body: Body, _: int) -> Answer:
        if body["max_tokens"] < 1000:
            return 200, {}, thinking("", body["max_tokens"] - 7, finish_reason="length")
        return 200, {}, thinking(spoken(body), 500)

    server = serve(behave)
    verdict = one(judge_for(server.url, max_tokens=100, reasoning_tokens=2000, concurrency=1))
    assert verdict.p_first == 1.0
    assert [body["max_tokens"] for body in server.requests] == [100, 2100, 2100]
    assert verdict.usage.calls == 3
    assert verdict.usage.reasoning_tokens == 93 + 500 + 500


def test_the_effort_of_reasoning_is_asked_for_until_it_is_refused(serve: Serve) -> None:
    server = serve(refuses("reasoning_effort"))
    assert one(judge_for(server.url, reasoning_effort="low")).p_first == 1.0
    assert [body.get("reasoning_effort") for body in server.requests] == ["low", None, None]


@pytest.mark.parametrize(
    ("known", "roles"),
    [
        (("system", "user"), ["system"]),
        (("developer", "user"), ["system", "developer"]),
        (("user",), ["system", "developer", "user"]),
    ],
)
def test_instructions_stand_under_the_role_that_the_server_takes(
    serve: Serve, tmp_path: Path, known: tuple[str, ...], roles: list[str]
) -> None:
    template = tmp_path / "instructed.txt"
    template.write_text(
        """---
labels: ["A", "B"]
---
[system]
Judge by {{ principles | length }} principles.
[user]
{{ question }} {{ answer_a }} {{ answer_b }} {{ fence }} {{ labels | join }}
"""
    )

    def behave(body: Body, _: int) -> Answer:
        unknown = [turn["role"] for turn in body["messages"] if turn["role"] not in known]
        if unknown:
            return 400, {}, {"error": {"message": f"messages[0].role: '{unknown[0]}' role is not supported"}}
        return 200, {}, completion(better_label([body["messages"][-1]]))

    server = serve(behave)
    assert one(judge_for(server.url, template=str(template), concurrency=1)).p_first == 1.0
    assert [body["messages"][0]["role"] for body in server.requests] == [*roles, roles[-1]]
    assert all("Judge by" in body["messages"][0]["content"] for body in server.requests)
    assert "worth=" in server.requests[-1]["messages"][-1]["content"]
