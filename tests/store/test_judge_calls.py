"""Answers of external judges in the store: kept once, counted always, pruned by use."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from store import Store, judge_tables
from store.judge_calls import JudgeCalls, PaidCall, Spending, sub_account


def call(key: str | None, cost: float | None = 0.5, response: bytes = b'{"a":1}', **fields: int) -> PaidCall:
    counts = {"input_tokens": 10, "cached_tokens": 4, "output_tokens": 3, "reasoning_tokens": 1} | fields
    return PaidCall(key, "http://here/v1", "model", response, **counts, cost_usd=cost)


@pytest.fixture
def calls(store: Store) -> JudgeCalls:
    return JudgeCalls(store.database)


def used(calls: JudgeCalls, key: str, ago: timedelta) -> None:
    with calls.database.write() as connection:
        table = judge_tables.judge_calls
        connection.execute(sa.update(table).where(table.c.key == key).values(used_at=datetime.now(UTC) - ago))


def test_a_kept_call_comes_back_byte_for_byte_and_the_first_answer_stays(calls):
    response = '{"text": "\\u0000 é 🙂"}'.encode()
    calls.add("run", [call("a", response=response)])
    calls.add("run", [call("a", response=b"{}")])
    assert calls.find(["a", "b"]) == {"a": call("a", response=response)}


def test_spending_is_counted_by_account_whether_the_answer_is_kept_or_not(calls):
    calls.add("one", [call("a"), call(None), call("b", cost=None)])
    calls.add("one", [call("c", cost=0.25)])
    calls.add("other", [call("a")])
    assert calls.spent("one") == Spending(4, 1, 40, 16, 12, 4, 1.25)
    assert calls.spent("one").tokens == 52
    assert calls.spent("other").cost_usd == 0.5
    assert calls.spent("nobody") == Spending()


def test_what_is_spent_under_an_account_is_spent_by_it_and_by_no_other(calls):
    calls.add("run_1", [call("a")])
    calls.add(sub_account("run_1", "shadow"), [call("b")])
    calls.add("runx1", [call("c")])
    calls.add(sub_account("runx1", "1"), [call("d")])
    assert calls.spent("run_1").calls == 2
    assert calls.spent(sub_account("run_1", "shadow")).calls == 1


def test_pruning_by_age_takes_what_was_not_used_and_leaves_what_was_spent(calls):
    calls.add("run", [call("old"), call("new")])
    used(calls, "old", timedelta(days=31))
    dropped, freed = calls.prune(older_than=timedelta(days=30))
    assert dropped == 1
    assert freed > 0
    assert set(calls.find(["old", "new"])) == {"new"}
    assert calls.spent("run").calls == 2


def test_a_use_keeps_a_call_from_being_pruned(calls):
    calls.add("run", [call("a")])
    used(calls, "a", timedelta(days=31))
    calls.find(["a"])
    assert calls.prune(older_than=timedelta(days=30)) == (0, 0)


def test_pruning_to_a_size_drops_the_least_recently_used_first(calls):
    calls.add("run", [call(key) for key in "abcd"])
    for days, key in enumerate("cadb"):
        used(calls, key, timedelta(days=days))
    size = sum(kept.bytes for kept in calls.kept()) // 4
    assert calls.prune(max_bytes=2 * size) == (2, 2 * size)
    assert set(calls.find("abcd")) == {"c", "a"}
    assert calls.prune(max_bytes=0) == (2, 2 * size)
    assert calls.kept() == []


def test_what_is_kept_is_told_by_model_with_what_it_cost(calls):
    calls.add("run", [call("a"), call("b", cost=None), call(None)])
    (kept,) = calls.kept()
    assert (kept.model, kept.endpoint, kept.calls, kept.cost_usd) == ("model", "http://here/v1", 2, 0.5)
    assert kept.oldest.tzinfo is not None
    assert kept.oldest <= kept.last_used


def test_processes_that_keep_the_same_calls_at_once_lose_none_and_count_all(url):
    script = """
import sys
from store import Store
from store.judge_calls import JudgeCalls, PaidCall
with Store.open(sys.argv[1]) as store:
    calls = JudgeCalls(store.database)
    for start in range(0, 200, 5):
        calls.add("run", [PaidCall(f"k{i}", "e", "m", b"{}", 1, 0, 1, 0, 0.25) for i in range(start, start + 5)])
        assert len(calls.find(f"k{i}" for i in range(start + 5))) == start + 5
"""
    with Store.open(url) as store:
        calls = JudgeCalls(store.database)
        started = [
            subprocess.Popen(
                [sys.executable, "-c", script, url], cwd=Path(__file__).parents[2], stderr=subprocess.PIPE
            )
            for _ in range(3)
        ]
        errors = [process.communicate(timeout=120)[1] for process in started]
        assert [process.returncode for process in started] == [0, 0, 0], errors
        assert len(calls.find(f"k{i}" for i in range(200))) == 200
        assert calls.spent("run") == Spending(600, 0, 600, 0, 600, 0, 150.0)
