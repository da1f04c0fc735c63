"""Batches under way in the store: found after a restart, collected once, and out of the way when they have ended."""

import pytest

from store import Store
from store.judge_batches import JudgeBatches
from store.judge_calls import JudgeCalls, PaidCall

WHERE = ("http://here/v1", "model")


def call(key: str) -> PaidCall:
    return PaidCall(key, *WHERE, b"{}", 10, 0, 2, 0, 0.5)


@pytest.fixture
def batches(store: Store) -> JudgeBatches:
    return JudgeBatches(store.database)


def test_a_batch_is_under_way_from_before_it_is_submitted_until_it_ends(batches):
    keys = [f"k{n}" for n in range(1200)]
    id = batches.begin("run", *WHERE, keys)
    (found,) = batches.under_way("run", *WHERE)
    assert (found.id, found.account, found.remote_id, found.keys) == (id, "run", None, frozenset(keys))
    batches.submitted(id, "batch_7")
    (found,) = batches.under_way("run", *WHERE)
    assert found.remote_id == "batch_7"
    assert batches.under_way("run", "http://elsewhere/v1", "model") == []
    batches.end(found, "completed")
    assert batches.under_way("run", *WHERE) == []


def test_another_account_sees_a_batch_once_it_is_submitted(batches):
    id = batches.begin("run", *WHERE, ["a"])
    assert batches.under_way("other", *WHERE) == []
    batches.submitted(id, "batch_7")
    assert [batch.account for batch in batches.under_way("other", *WHERE)] == ["run"]


def test_answers_are_kept_and_counted_once_however_often_a_batch_is_collected(batches, store):
    calls = JudgeCalls(store.database)
    batches.submitted(batches.begin("run", *WHERE, ["a", "b", "c"]), "batch_7")
    (batch,) = batches.under_way("run", *WHERE)
    batches.collect(batch, [call("a")])
    for _ in range(2):
        batches.collect(batch, [call("a"), call("b")])
    batches.end(batch, "expired")
    batches.collect(batch, [call("c")])  # another process, that was late
    assert set(calls.find("abc")) == {"a", "b"}
    spent = calls.spent("run")
    assert (spent.calls, spent.cost_usd) == (2, 1.0)
