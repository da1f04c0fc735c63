"""The key, the requests in flight, and the network."""

import asyncio
import json
import time
from collections.abc import Iterator
from itertools import count

import httpx
import pytest

from judge import ApiJudge, ApiJudgeSettings, JudgeSettingsError, build_judge, check_judge
from prompts.template import load_template
from store.records import Comparison, Verdict
from tests.judge.asking import Answer, judge_for, one, perfect, spoken
from tests.judge.chat_server import Body, completion
from tests.judge.conftest import Serve
from tests.judge.planted import GENERAL, planted_comparison


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
