"""The API judge with a store: no completed call is asked again, and none goes uncounted or over the budget."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from judge import ApiJudgeSettings, Judge, JudgeSettingsError, JudgeStopped, build_judge, check_judge
from store import Store
from store.judge_calls import JudgeCalls
from store.records import Comparison, Verdict
from tests.judge.chat_server import Body, ChatServer, completion
from tests.judge.conftest import Serve
from tests.judge.planted import better_label, planted_comparison

PRICES = {"test-model": {"input": 10.0, "output": 100.0}}
CALL_USD = 100 * 10e-6 + 7 * 100e-6
"""What one call to `perfect` costs: 100 tokens read, 7 written."""


def perfect(body: Body, _: int) -> tuple[int, dict[str, str], Any]:
    return 200, {}, completion(json.dumps({"reasoning": "", "verdict": better_label(body["messages"])}))


def settings(url: str, **given: Any) -> ApiJudgeSettings:
    asked = {"attempts": 1, "concurrency": 4, "max_tokens": 8, "prices": PRICES, "template": "pairwise_json"}
    return ApiJudgeSettings(base_url=url, model="test-model", **asked | given)


def comparisons(count: int) -> list[Comparison]:
    return [planted_comparison(7, 3, f"What is number {n} worth?") for n in range(count)]


def judged(judge: Judge, asked: list[Comparison]) -> list[Verdict]:
    async def collect() -> list[Verdict]:
        return [verdict async for verdict in judge.compare(asked)]

    return asyncio.run(collect())


def repeated(server: ChatServer) -> int:
    """Requests that came more than once, each counted for every time after the first."""
    seen = Counter(json.dumps(body, sort_keys=True) for body in server.requests)
    return sum(times - 1 for times in seen.values())


@pytest.fixture
def calls(tmp_path: Path) -> Iterator[JudgeCalls]:
    with Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as store:
        yield JudgeCalls(store.database)


def test_another_run_in_the_same_store_asks_nothing_again_and_gives_the_same_verdicts(
    serve: Serve, calls: JudgeCalls
):
    server = serve(perfect)
    first = judged(build_judge(settings(server.url), calls=calls, account="one"), comparisons(6))
    assert len(server.requests) == 12
    again = judged(build_judge(settings(server.url), calls=calls, account="two"), comparisons(6))
    assert len(server.requests) == 12
    assert sorted(first, key=lambda v: v.id) == sorted(again, key=lambda v: v.id)
    assert first[0].usage.cost_usd == pytest.approx(2 * CALL_USD)
    assert calls.spent("one").cost_usd == pytest.approx(12 * CALL_USD)
    assert calls.spent("two").calls == 0


def test_the_same_question_at_the_same_time_is_asked_once(serve: Serve, calls: JudgeCalls):
    def slow(body: Body, number: int) -> tuple[int, dict[str, str], Any]:
        time.sleep(0.05)
        return perfect(body, number)

    server = serve(slow)
    verdicts = judged(build_judge(settings(server.url), calls=calls), comparisons(1) * 3)
    assert len(server.requests) == 2
    assert len({verdict.raw for verdict in verdicts}) == 1


@pytest.mark.parametrize("change", [{"max_tokens": 9}, {"temperature": 0.5}, {"model": "test-model-2"}])
def test_another_request_is_another_call(serve: Serve, calls: JudgeCalls, change: dict[str, Any]):
    server = serve(perfect)
    judged(build_judge(settings(server.url), calls=calls), comparisons(1))
    changed = settings(server.url).model_copy(update=change)
    judged(build_judge(changed, calls=calls), comparisons(1))
    assert len(server.requests) == 4


def test_each_vote_is_a_call_of_its_own_and_is_kept_as_such(serve: Serve, calls: JudgeCalls):
    def wavering(_: Body, number: int) -> tuple[int, dict[str, str], Any]:
        return 200, {}, completion(json.dumps({"reasoning": "", "verdict": "A" if number % 3 else "B"}))

    server = serve(wavering)
    asked = settings(server.url, votes=3, temperature=1.0, logprobs="never", concurrency=1)
    (first,) = judged(build_judge(asked, calls=calls), comparisons(1))
    (again,) = judged(build_judge(asked, calls=calls), comparisons(1))
    assert len(server.requests) == 6
    assert first == again
    assert first.p_first_shown_first == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    "failing",
    [
        completion("I cannot say."),
        completion("", refusal="I will not judge this."),
        completion("", finish_reason="content_filter"),
    ],
)
def test_a_failure_is_paid_and_counted_and_never_kept(serve: Serve, calls: JudgeCalls, failing: Body):
    broken = True

    def moody(body: Body, number: int) -> tuple[int, dict[str, str], Any]:
        return (200, {}, failing) if broken else perfect(body, number)

    server = serve(moody)
    asked = settings(server.url)
    (failed,) = judged(build_judge(asked, calls=calls, account="run"), comparisons(1))
    assert failed.unscored is not None
    assert calls.kept() == []
    assert calls.spent("run").calls == len(server.requests) > 0
    broken = False
    (verdict,) = judged(build_judge(asked, calls=calls), comparisons(1))
    assert verdict.p_first == 1.0
    assert sum(kept.calls for kept in calls.kept()) == 2


def test_without_a_price_the_cost_is_unknown_and_not_nothing(serve: Serve, calls: JudgeCalls):
    server = serve(perfect)
    (verdict,) = judged(
        build_judge(settings(server.url, prices=None), calls=calls, account="run"), comparisons(1)
    )
    assert verdict.usage.cost_usd is None
    spent = calls.spent("run")
    assert (spent.calls, spent.unpriced_calls) == (2, 2)


def test_cached_and_reasoning_tokens_are_priced_as_such(serve: Serve, calls: JudgeCalls):
    usage = {
        "prompt_tokens": 100,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens": 50,
        "completion_tokens_details": {"reasoning_tokens": 40},
    }

    def thinking(body: Body, number: int) -> tuple[int, dict[str, str], Any]:
        status, headers, answer = perfect(body, number)
        return status, headers, {**answer, "usage": usage}

    server = serve(thinking)
    prices = {"test-model": {"input": 10, "cached_input": 1, "output": 100, "reasoning": 50}}
    (verdict,) = judged(build_judge(settings(server.url, prices=prices), calls=calls), comparisons(1))
    assert verdict.usage.cost_usd == pytest.approx(2e-6 * (40 * 10 + 60 * 1 + 10 * 100 + 40 * 50))


def test_a_budget_stops_the_judge_before_it_is_overrun_and_a_larger_one_goes_on(
    serve: Serve, calls: JudgeCalls
):
    server = serve(perfect)
    limit = 20.5 * CALL_USD
    tight = settings(server.url, budget={"usd": limit})
    kept: list[Verdict] = []

    async def collect(judge: Judge) -> None:
        async for verdict in judge.compare(comparisons(20)):
            kept.append(verdict)

    with pytest.raises(JudgeStopped, match=r"judge\.budget\.usd: .* Raise judge\.budget\.usd and run again"):
        asyncio.run(collect(build_judge(tight, calls=calls, account="run")))
    spent = calls.spent("run")
    assert 0 < spent.cost_usd <= limit
    assert spent.calls == len(server.requests)
    with pytest.raises(JudgeStopped):
        asyncio.run(collect(build_judge(tight, calls=calls, account="run")))
    assert len(server.requests) == spent.calls

    larger = settings(server.url, budget={"usd": 2.1 * 40 * CALL_USD})
    verdicts = judged(build_judge(larger, calls=calls, account="run"), comparisons(20))
    assert len(verdicts) == 20
    assert len(server.requests) == 40
    assert repeated(server) == 0
    assert calls.spent("run").cost_usd == pytest.approx(40 * CALL_USD)


def test_a_budget_in_dollars_without_a_price_is_refused_before_anything_is_asked(serve: Serve):
    server = serve(perfect)
    asked = settings(server.url, prices=None, budget={"usd": 1.0})
    with pytest.raises(JudgeSettingsError, match=r"judge\.budget\.usd"):
        check_judge(asked)
    with pytest.raises(JudgeSettingsError, match=r"judge\.budget\.usd"):
        build_judge(asked)
    assert server.requests == []


AT_WORK = 6
"""Comparisons that a judge with 4 requests in flight works on at once: so many calls may be on their way or just in."""

JUDGE = """
import asyncio, sys
from judge import ApiJudgeSettings, build_judge
from store import Store
from store.judge_calls import JudgeCalls
from tests.judge.test_paid_calls import comparisons, settings
async def main(judge):
    async for verdict in judge.compare(comparisons(120)):
        pass
with Store.open(sys.argv[1]) as store:
    asyncio.run(main(build_judge(settings(sys.argv[2]), calls=JudgeCalls(store.database), account="run")))
"""


def test_a_judge_killed_at_work_repeats_only_the_calls_that_were_in_flight(serve: Serve, tmp_path: Path):
    server = serve(perfect)
    url = f"sqlite:///{tmp_path / 'rlaif.db'}"
    command = [sys.executable, "-c", JUDGE, url, server.url]
    environment = {**os.environ, "PYTHONPATH": "."}
    killed = subprocess.Popen(command, env=environment)
    while len(server.requests) < 60:
        assert killed.poll() is None
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    time.sleep(0.1)
    before = len(server.requests)
    assert before < 240
    with Store.open(url) as store:
        kept = JudgeCalls(store.database).spent("run").calls
    assert before - AT_WORK <= kept <= before

    subprocess.run(command, env=environment, check=True, timeout=120)
    assert repeated(server) == before - kept
    with Store.open(url) as store:
        spent = JudgeCalls(store.database).spent("run")
        assert sum(one.calls for one in JudgeCalls(store.database).kept()) == 240
    assert spent.calls == 240
    subprocess.run(command, env=environment, check=True, timeout=120)
    assert len(server.requests) == 240 + before - kept
