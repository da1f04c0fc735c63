"""Verdicts by batches: the same as asked at once, at the batch price, whatever happens between submit and collect."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from judge import ApiJudgeSettings, Judge, JudgeSettingsError, JudgeStopped, build_judge
from judge.api import batch
from store import Store
from store.judge_calls import JudgeCalls
from store.records import Comparison, Verdict
from tests.judge.batch_server import BatchServer, Body, Reply
from tests.judge.chat_server import completion
from tests.judge.planted import better_label, planted_comparison

PRICES = {"test-model": {"input": 10.0, "output": 100.0, "batch": 0.5}}
CALL_USD = 100 * 10e-6 + 7 * 100e-6

StartServer = Callable[..., BatchServer]


def perfect(body: Body) -> Reply:
    return 200, completion(json.dumps({"reasoning": "", "verdict": better_label(body["messages"])}))


def settings(url: str, delivery: str = "batch", **given: Any) -> ApiJudgeSettings:
    asked = {
        "attempts": 1, "concurrency": 4, "max_tokens": 8, "prices": PRICES, "template": "pairwise_json",
        "batch": {"poll_s": 0.05},
    }  # fmt: skip
    return ApiJudgeSettings(base_url=url, model="test-model", delivery=delivery, **asked | given)


def comparisons(count: int) -> list[Comparison]:
    return [planted_comparison(7 - n % 2 * 5, 3, f"What is number {n} worth?") for n in range(count)]


def judged(judge: Judge, asked: list[Comparison]) -> list[Verdict]:
    async def collect() -> list[Verdict]:
        return [verdict async for verdict in judge.compare(asked)]

    return sorted(asyncio.run(collect()), key=lambda verdict: verdict.comparison_id)


def decided(verdicts: list[Verdict]) -> list[tuple[str, float | None, str]]:
    return [(verdict.comparison_id, verdict.p_first, verdict.raw) for verdict in verdicts]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "GATHER_S", 0.2)


@pytest.fixture
def start() -> Iterator[StartServer]:
    servers: list[BatchServer] = []

    def begin(*given: Any, **how: Any) -> BatchServer:
        servers.append(BatchServer(*given, **how))
        return servers[-1]

    yield begin
    for server in servers:
        server.close()


@pytest.fixture
def calls(tmp_path: Path) -> Iterator[JudgeCalls]:
    with Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as store:
        yield JudgeCalls(store.database)


def test_a_batch_gives_the_verdicts_of_live_requests_in_one_batch_at_half_the_price(
    start: StartServer, calls: JudgeCalls
):
    server = start(perfect, looks=3)
    batched = judged(build_judge(settings(server.url), calls=calls, account="run"), comparisons(10))
    # One request goes live, to learn what the model takes; its presentation order's twin goes with the batch.
    assert len(server.live) == 1
    assert list(map(len, server.batched)) == [19]
    spent = calls.spent("run")
    assert (spent.calls, spent.unpriced_calls) == (20, 0)
    assert spent.cost_usd == pytest.approx(CALL_USD * (1 + 19 / 2))
    assert sum(verdict.usage.cost_usd or 0.0 for verdict in batched) == pytest.approx(spent.cost_usd)

    live = start(perfect)
    at_once = judged(build_judge(settings(live.url, "live")), comparisons(10))
    assert decided(batched) == decided(at_once)
    assert [v.p_first for v in batched if v.p_first is not None] != []


def test_what_is_in_the_cache_is_not_submitted(start: StartServer, calls: JudgeCalls):
    server = start(perfect)
    judged(build_judge(settings(server.url, "live"), calls=calls), comparisons(6))
    assert len(server.live) == 12
    judged(build_judge(settings(server.url), calls=calls), comparisons(10))
    assert len(server.live) == 12
    assert server.lines == 8


def test_a_full_batch_goes_off_and_the_next_one_gathers(start: StartServer, calls: JudgeCalls):
    server = start(perfect)
    asked = settings(server.url, batch={"poll_s": 0.05, "requests": 8})
    assert len(judged(build_judge(asked, calls=calls), comparisons(10))) == 10
    assert max(map(len, server.batched)) <= 8
    assert server.lines + len(server.live) == 20


@pytest.mark.parametrize("status", ["completed", "expired", "cancelled"])
def test_what_a_batch_leaves_unanswered_is_asked_live(start: StartServer, calls: JudgeCalls, status: str):
    server = start(perfect, lost=lambda _, line: line % 3 == 0, fate=lambda _: status)
    verdicts = judged(build_judge(settings(server.url), calls=calls, account="run"), comparisons(10))
    assert [verdict.unscored for verdict in verdicts] == [None] * 10
    assert list(map(len, server.batched)) == [19]
    assert len(server.live) == 1 + 7
    assert calls.spent("run").cost_usd == pytest.approx(CALL_USD * (8 + 12 / 2))


def test_what_a_batch_leaves_unanswered_is_asked_in_another_where_configured(
    start: StartServer, calls: JudgeCalls
):
    server = start(perfect, lost=lambda number, line: number == 0 and line % 3 == 0)
    asked = settings(server.url, batch={"poll_s": 0.05, "missing": "batch"})
    verdicts = judged(build_judge(asked, calls=calls), comparisons(10))
    assert [verdict.unscored for verdict in verdicts] == [None] * 10
    assert list(map(len, server.batched)) == [19, 7]
    assert len(server.live) == 1


def test_an_unreadable_reply_in_a_batch_is_repaired_and_not_kept(start: StartServer, calls: JudgeCalls):
    def mumbling(body: Body) -> Reply:
        return perfect(body) if len(body["messages"]) > 1 else (200, completion("Both have merit."))

    server = start(mumbling)
    verdicts = judged(build_judge(settings(server.url), calls=calls, account="run"), comparisons(4))
    assert [verdict.unscored for verdict in verdicts] == [None] * 4
    assert [verdict.usage.calls for verdict in verdicts] == [4] * 4
    assert sum(kept.calls for kept in calls.kept()) == 8  # the repairs
    assert calls.spent("run").calls == len(server.live) + server.lines


def test_votes_of_both_orders_go_off_together(start: StartServer, calls: JudgeCalls):
    server = start(perfect)
    asked = settings(server.url, votes=3, temperature=1.0, logprobs="never")
    verdicts = judged(build_judge(asked, calls=calls), comparisons(4))
    assert [verdict.usage.calls for verdict in verdicts] == [6] * 4
    assert list(map(len, server.batched)) == [23]


def test_a_batch_that_is_refused_whole_stops_the_judge_with_the_reason(start: StartServer, calls: JudgeCalls):
    refused = True
    server = start(perfect, fate=lambda _: "refused" if refused else "completed")
    with pytest.raises(JudgeStopped, match=r"was refused: Enqueued token limit reached"):
        judged(build_judge(settings(server.url), calls=calls), comparisons(4))
    assert len(server.live) == 1
    refused = False
    assert len(judged(build_judge(settings(server.url), calls=calls), comparisons(4))) == 4
    assert len(server.live) == 1


def test_a_server_without_batches_stops_the_judge_and_says_what_to_set(start: StartServer, calls: JudgeCalls):
    server = start(perfect)
    server.has_batches = False
    with pytest.raises(JudgeStopped, match=r"no batches .*judge\.delivery: live"):
        judged(build_judge(settings(server.url), calls=calls), comparisons(4))


def test_batches_without_a_store_are_refused():
    with pytest.raises(JudgeSettingsError, match=r"judge\.delivery"):
        build_judge(settings("http://127.0.0.1:1/v1"))


def test_a_batch_whose_creation_was_not_confirmed_is_found_and_not_made_twice(
    start: StartServer, calls: JudgeCalls
):
    server = start(perfect)
    server.drop_next_create = True
    assert len(judged(build_judge(settings(server.url), calls=calls), comparisons(4))) == 4
    assert list(map(len, server.batched)) == [7]


def test_a_server_that_hiccups_is_asked_again_about_its_batches(start: StartServer, calls: JudgeCalls):
    server = start(perfect)
    server.hiccups = [503, 0]
    assert len(judged(build_judge(settings(server.url), calls=calls), comparisons(4))) == 4
    assert server.hiccups == []
    assert list(map(len, server.batched)) == [7]


def test_a_reply_with_line_ends_of_text_in_it_is_one_line_of_the_file(start: StartServer, calls: JudgeCalls):
    def poetic(body: Body) -> Reply:
        verdict = better_label(body["messages"])
        return 200, completion(
            json.dumps({"reasoning": "a\u2028b\x85c", "verdict": verdict}, ensure_ascii=False)
        )

    server = start(poetic)
    verdicts = judged(build_judge(settings(server.url), calls=calls), comparisons(3))
    assert [verdict.unscored for verdict in verdicts] == [None] * 3
    assert all("a\u2028b" in verdict.rationale for verdict in verdicts)
    assert len(server.live) == 1


def test_a_budget_holds_for_batches_too(start: StartServer, calls: JudgeCalls):
    server = start(perfect)
    limit = 12 * CALL_USD
    tight = settings(server.url, budget={"usd": limit})
    with pytest.raises(JudgeStopped, match=r"judge\.budget\.usd"):
        judged(build_judge(tight, calls=calls, account="run"), comparisons(20))
    assert 0 < calls.spent("run").cost_usd <= limit
    before = server.lines + len(server.live)
    larger = settings(server.url, budget={"usd": 100.0})
    assert len(judged(build_judge(larger, calls=calls, account="run"), comparisons(20))) == 20
    assert server.lines + len(server.live) == 40
    assert before < 40


def test_a_batch_under_way_is_seen_in_the_progress_line_until_it_is_done(
    start: StartServer, calls: JudgeCalls
):
    server = start(perfect, looks=8)
    judge = build_judge(settings(server.url), calls=calls)
    lines: set[str] = set()

    async def watch() -> None:
        while True:
            lines.add(judge.activity.line())
            await asyncio.sleep(0.01)

    async def collect() -> None:
        watching = asyncio.create_task(watch())
        assert len([verdict async for verdict in judge.compare(comparisons(3))]) == 3
        watching.cancel()

    asyncio.run(collect())
    assert any("batch of 5 in progress" in line for line in lines)
    assert "batch" not in judge.activity.line()


JUDGE = """
import asyncio, sys
from judge import build_judge
from store import Store
from store.judge_calls import JudgeCalls
from tests.judge.test_batch import comparisons, settings
async def main(judge):
    async for verdict in judge.compare(comparisons(20)):
        print(verdict.comparison_id, verdict.p_first, flush=True)
with Store.open(sys.argv[1]) as store:
    asyncio.run(main(build_judge(settings(sys.argv[2]), calls=JudgeCalls(store.database), account="run")))
"""


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_judge_killed_between_submit_and_collect_collects_after_a_restart_and_submits_nothing_again(
    start: StartServer, tmp_path: Path, confirmed: bool
):
    server = start(perfect, looks=1_000_000)
    url = f"sqlite:///{tmp_path / 'rlaif.db'}"
    command = [sys.executable, "-c", JUDGE, url, server.url]
    environment = {**os.environ, "PYTHONPATH": "."}
    killed = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    while server.looked < 2:
        assert killed.poll() is None
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    assert killed.communicate()[0] == b""
    assert list(map(len, server.batched)) == [39]
    if not confirmed:  # as if it had been killed before the server's answer was written down
        with Store.open(url) as store, store.database.write() as connection:
            connection.exec_driver_sql("UPDATE judge_batches SET remote_id = NULL")
    server._left["batch_0"] = 2

    again = subprocess.run(command, env=environment, check=True, timeout=120, capture_output=True, text=True)
    assert len(again.stdout.splitlines()) == 20
    assert list(map(len, server.batched)) == [39]
    assert len(server.live) == 1
    with Store.open(url) as store:
        spent = JudgeCalls(store.database).spent("run")
        with store.database.read() as connection:
            outcomes = connection.exec_driver_sql("SELECT outcome FROM judge_batches").scalars().all()
            left = connection.exec_driver_sql("SELECT count(*) FROM judge_batch_calls").scalar()
    assert (spent.calls, spent.cost_usd) == (40, pytest.approx(CALL_USD * (1 + 39 / 2)))
    assert (outcomes, left) == (["completed"], 0)
