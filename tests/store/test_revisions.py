"""Checkpoints, decisions, and which policy is current."""

from datetime import UTC, datetime, timedelta

import pytest

from store.errors import NotFound
from store.records import Checkpoint, Decision

START = datetime(2026, 3, 1, tzinfo=UTC)


def checkpoint(digit, round=0, **fields):
    return Checkpoint(
        sha256=digit * 64,
        path=f"/runs/{digit}",
        round=round,
        created_at=START + timedelta(hours=round),
        **fields,
    )


def decision(round, kind, policy, **fields):
    return Decision(round=round, kind=kind, policy=policy, created_at=START, **fields)


def test_checkpoints_come_by_round_and_are_added_once(run):
    first, second = checkpoint("a"), checkpoint("b", 1, parent="rev_a", pairs_sha256="c" * 64)
    assert [run.add_checkpoint(one) for one in (second, first, first)] == [True, True, False]
    assert run.checkpoints() == [first, second]
    assert run.checkpoint(second.id) == second
    with pytest.raises(NotFound, match="no checkpoint 'rev_0'"):
        run.checkpoint("rev_0")


def test_the_current_policy_is_the_last_decision_s_or_the_first_checkpoint(run):
    with pytest.raises(NotFound, match="no policy yet"):
        run.current_policy()
    run.add_checkpoint(checkpoint("a"))
    run.add_checkpoint(checkpoint("b", 1))
    assert run.current_policy() == checkpoint("a").id
    run.add_decision(decision(1, "promote", "rev_b"))
    assert run.current_policy() == "rev_b"
    run.add_decision(decision(2, "keep", "rev_b"))
    run.add_decision(decision(2, "rollback", "rev_a"))
    assert run.current_policy() == "rev_a"


def test_a_round_is_decided_once_and_the_first_decision_stands(run):
    first = decision(
        1, "promote", "rev_b", evidence={"low": 0.1 + 0.2, "drift": [float("inf"), None]}, audited=True
    )
    assert run.add_decision(first) == first
    assert run.add_decision(decision(1, "keep", "rev_a")) == first
    assert run.decisions() == [first]


def test_rollbacks_append_and_do_not_decide_a_round(run):
    back, forth = decision(1, "rollback", "rev_a"), decision(1, "rollback", "rev_b")
    kept = decision(1, "keep", "rev_a")
    for one in (back, forth, kept, back):
        assert run.add_decision(one) == one
    assert run.decisions() == [back, forth, kept, back]
