"""What an API judge asks of a real server on a loopback socket, and how it reads the replies."""

import asyncio
import json
from itertools import count

import pytest

from judge import ApiJudgeSettings, JudgeSettingsError
from judge.api.endpoint import Endpoint
from judge.api.failures import GaveUp
from judge.api.features import Features
from store.records import Message
from tests.judge.asking import Answer, failing, judge_for, one, perfect, refuses, spoken
from tests.judge.chat_server import Behaviour, Body, completion, token
from tests.judge.conftest import Serve
from tests.judge.planted import better_label


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


def wavering(body: Body, number: int) -> Answer:
    """Every fourth vote is wrong, whether votes come one by one or together."""
    right = better_label(body["messages"])
    wrong = "B" if right == "A" else "A"
    answer = completion(wrong if number % 4 == 0 else right)
    together = [answer["choices"][0] | {"message": {"content": right}} for _ in range(body.get("n", 1) - 1)]
    answer["choices"] += together
    return 200, {}, answer


def test_without_log_probabilities_votes_are_counted(serve: Serve) -> None:
    votes = count()
    one_at_a_time = refuses("n")
    server = serve(lambda b, n: one_at_a_time(b, n) if "n" in b else wavering(b, next(votes)))
    verdict = one(judge_for(server.url, template="pairwise", votes=4, temperature=0.7, concurrency=1))
    assert verdict.p_first == verdict.p_first_shown_first == verdict.p_first_shown_second == 0.75
    assert verdict.usage.calls == 8
    assert ["n" in body for body in server.requests] == [False, True, *[False] * 7]


def test_several_votes_come_with_one_request_where_the_server_gives_them(serve: Serve) -> None:
    server = serve(wavering)
    judge = judge_for(
        server.url, template="pairwise", votes=4, temperature=0.7, concurrency=1, logprobs="never"
    )
    verdict = one(judge)
    assert [body.get("n") for body in server.requests] == [4, 4]
    assert (verdict.p_first_shown_first, verdict.p_first_shown_second) == (0.75, 1.0)
    assert (verdict.usage.calls, verdict.usage.input_tokens) == (2, 200)
    assert len(json.loads(verdict.raw)) == 8


def test_a_server_that_ignores_the_number_of_votes_is_asked_for_each(serve: Serve) -> None:
    server = serve(lambda body, _: (200, {}, completion(better_label(body["messages"]))))
    judge = judge_for(
        server.url, template="pairwise", votes=3, temperature=0.7, concurrency=1, logprobs="never"
    )
    assert one(judge).p_first == 1.0
    assert [body.get("n") for body in server.requests] == [3, None, None, None, None, None]


def test_log_probabilities_are_not_asked_for_when_told_not_to(serve: Serve) -> None:
    server = serve(perfect)
    assert one(judge_for(server.url, logprobs="never")).p_first == 1.0
    assert not any("logprobs" in body or "top_logprobs" in body for body in server.requests)


def test_votes_at_temperature_zero_are_refused_as_one_vote() -> None:
    with pytest.raises(JudgeSettingsError, match=r"judge\.votes"):
        judge_for("http://127.0.0.1:9/v1", votes=3)


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


def test_a_text_that_cannot_be_sent_is_given_up(serve: Serve) -> None:
    server = serve(perfect)
    settings = ApiJudgeSettings(base_url=server.url, model="m")
    endpoint = Endpoint(settings, Features.first(settings, "label"), {})

    async def ask() -> None:
        async with endpoint.session() as session:
            await session.ask((Message(role="user", content="What is \ud800 worth?"),))

    with pytest.raises(GaveUp, match="lone surrogate"):
        asyncio.run(ask())
    assert server.requests == []
