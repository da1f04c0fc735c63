"""The forecast of judging against what judging then really asks of a server."""

import asyncio
import json
from typing import Any

import pytest

from judge import ApiJudgeSettings, build_judge
from judge.api.tokens import input_estimate
from judge.forecast import Forecast, Workload, forecast
from judge.ranks.ranking import round_robin
from judge.settings import LocalJudgeSettings, PanelJudgeSettings, ScriptedJudgeSettings
from judge.spread import Spread, exactly
from prompts.constitution import load_constitution
from tests.judge.chat_server import Body, completion
from tests.judge.conftest import Serve
from tests.judge.planted import GENERAL, planted

PRICES = {"test-model": {"input": 10.0, "output": 100.0, "batch": 0.5}}
WORTHS = [1, 2, 3, 4]
CHARS = len("worth=1")


def obliging(body: Body, _: int) -> tuple[int, dict[str, str], Any]:
    """Replies with whatever is asked for."""
    text = body["messages"][-1]["content"]
    if "response_format" in body or "JSON" in text:
        return 200, {}, completion(json.dumps({"reasoning": "", "verdict": "A", "score": 3, "points": 3}))
    return 200, {}, completion("A")


def settings(url: str = "http://127.0.0.1:1/v1", **given: Any) -> ApiJudgeSettings:
    return ApiJudgeSettings(base_url=url, model="test-model", **{"prices": PRICES, "max_tokens": 8} | given)


def work(question: str = "What is it worth?", comparisons: int = 6) -> list[Workload]:
    prompt, _ = planted(WORTHS, question)
    return [Workload(prompt.messages, exactly(4), exactly(comparisons), exactly(CHARS))]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"template": "pairwise_json", "votes": 3, "temperature": 1.0, "logprobs": "never"},
        {"principles": "separate"},
        {"principles": "sampled"},
        {"axes": "weights"},
    ],
    ids=str,
)
def test_the_expected_calls_are_those_that_are_made(serve: Serve, given: dict[str, Any]):
    server = serve(obliging)
    asked = settings(server.url, attempts=1, **given)
    prompt, samples = planted(WORTHS)
    comparisons = list(round_robin(prompt, samples, GENERAL.hash, 1, "train"))

    async def judge() -> int:
        return len([verdict async for verdict in build_judge(asked).compare(comparisons)])

    assert asyncio.run(judge()) == len(comparisons) == 6
    found = forecast(asked, work())
    taken = list(server.requests)
    assert found.calls.expected == len(taken)
    estimated = sum(input_estimate([m["content"] for m in body["messages"]]) for body in taken)
    tolerance = 0.35 if given.get("principles") == "sampled" else 0.02
    assert found.input_tokens.expected == pytest.approx(estimated, rel=tolerance)


def test_an_answer_that_is_scored_by_itself_is_asked_about_once_however_many_comparisons_it_is_in():
    assert forecast(settings(template="pointwise"), work()).calls.expected == 4


def test_low_expected_and_high_are_in_order_and_the_price_is_the_models():
    found = forecast(settings(votes=3, temperature=1.0), work())
    for spread in (found.calls, found.input_tokens, found.output_tokens, found.cost_usd):
        assert spread is not None
        assert 0 < spread.low < spread.expected < spread.high
    assert found.cost_usd is not None
    given, made = found.input_tokens.expected, found.output_tokens.expected
    assert found.cost_usd.expected == pytest.approx(10e-6 * given + 100e-6 * made)


def test_a_batch_costs_its_share_and_an_unknown_price_is_not_nothing():
    live, batch = (forecast(settings(delivery=delivery), work()).cost_usd for delivery in ("live", "batch"))
    assert live is not None
    assert batch is not None
    assert batch.expected == pytest.approx(live.expected / 2)
    assert forecast(settings(prices=None), work()).cost_usd is None


def test_local_and_scripted_judges_make_calls_and_take_no_money():
    local = forecast(LocalJudgeSettings(template="starter", constitution="starter"), work())
    assert (local.calls, local.output_tokens, local.cost_usd) == (exactly(12), Spread(), Spread())
    counted = forecast(
        LocalJudgeSettings(template="starter", constitution="starter"),
        work(),
        lambda chats: [7.0] * len(chats),
    )
    assert counted.input_tokens == exactly(84)
    assert forecast(ScriptedJudgeSettings(), work()) == Forecast(calls=exactly(6))


def test_a_panel_takes_what_its_members_take():
    member = settings()
    panel = PanelJudgeSettings(members=[member, ScriptedJudgeSettings()])
    assert forecast(panel, work()) == forecast(member, work()) + forecast(ScriptedJudgeSettings(), work())


def test_a_second_judge_of_reasons_takes_calls_for_the_flips_alone():
    plain = settings(template="pairwise_json")
    found = forecast(settings(template="pairwise_json", meta={}), work())
    alone = forecast(plain, work())
    assert found.calls.expected == alone.calls.expected * 1.25
    assert found.calls.high == alone.calls.high * 2


def test_an_unknown_price_in_a_sum_makes_the_sum_unknown():
    known = Forecast(exactly(1), exactly(1), exactly(1), exactly(1))
    unknown = Forecast(exactly(1), exactly(1), exactly(1), None)
    assert (known + unknown).cost_usd is None
    assert (known + known).times(exactly(2)).cost_usd == exactly(4)
    assert load_constitution("general").hash == GENERAL.hash
