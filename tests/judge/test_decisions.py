"""Typed decision endpoints: both dialects, when they are used, and what becomes of their faults."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from judge import ApiJudgeSettings, Judge, JudgeSettingsError, JudgeStopped, build_judge, check_judge
from judge.api.decisions import Dialect, decision_as_completion, decision_request
from judge.api.known_endpoints import known_endpoint
from judge.rehearsal.fault_plan import FaultPlan
from judge.rehearsal.fault_server import running
from judge.rehearsal.planted_reply import planted_quality
from store.judge_calls import JudgeCalls
from store.judge_endpoints import JudgeEndpoints
from store.records import Comparison, Message
from store.store import Store
from tests.judge.planted import planted_comparison
from tests.judge.starter_comparisons import verdicts

BOTH: tuple[Dialect, Dialect] = ("systemone", "decisions")
CHAT = (Message(role="system", content="Be fair."), Message(role="user", content="A: yes\nB: no"))


def settings(url: str, **changed: Any) -> ApiJudgeSettings:
    asked = {"model": "planted-judge", "template": "pairwise", "attempts": 3, "timeout_s": 5.0} | changed
    return ApiJudgeSettings.model_validate({"base_url": url, **asked})


def comparisons(count: int = 6) -> list[Comparison]:
    return [planted_comparison(n, 100 - n, f"Which is question {n}?") for n in range(count)]


def expected_logit(comparison: Comparison, strength: float) -> float:
    return strength * (planted_quality(comparison.first.text) - planted_quality(comparison.second.text))


def logit(p: float) -> float:
    return math.log(p / (1 - p))


@pytest.mark.parametrize("dialect", BOTH)
def test_a_decision_is_a_soft_verdict_without_text(dialect: Dialect) -> None:
    with running(FaultPlan(strength=1.5, position_bias=0.7, offers=frozenset({dialect}))) as (url, server):
        judged = verdicts(build_judge(settings(url, decisions=dialect)), comparisons())
        assert server.stats["done"] == {"answered": 12}
    for comparison in comparisons():
        verdict = judged[comparison.id]
        planted = expected_logit(comparison, 1.5)
        assert logit(verdict.p_first) == pytest.approx(planted, abs=1e-6)
        assert logit(verdict.p_first_shown_first) == pytest.approx(planted + 0.7, abs=1e-6)
        assert logit(verdict.p_first_shown_second) == pytest.approx(planted - 0.7, abs=1e-6)
        assert verdict.label_mass is None
        assert (verdict.usage.calls, verdict.usage.output_tokens) == (2, 0)
        assert verdict.usage.input_tokens > 100


def test_decisions_name_another_judge_than_the_chat() -> None:
    url = "http://127.0.0.1:9/v1"
    names = {build_judge(settings(url, decisions=how)).name for how in ("never", *BOTH)}
    assert len(names) == 3
    assert (
        build_judge(settings(url, decisions="auto")).name
        == build_judge(settings(url, decisions="never")).name
    )


@pytest.mark.parametrize(
    ("plan", "template", "used"),
    [
        (FaultPlan(offers=frozenset(BOTH), refuses=frozenset({"logprobs"})), "pairwise", "systemone"),
        (
            FaultPlan(offers=frozenset({"decisions"}), ignores=frozenset({"logprobs"})),
            "pairwise",
            "decisions",
        ),
        (FaultPlan(offers=frozenset(BOTH)), "pairwise", None),
        (FaultPlan(refuses=frozenset({"logprobs"})), "pairwise", None),
        (FaultPlan(offers=frozenset(BOTH), refuses=frozenset({"logprobs"})), "pairwise_json", None),
    ],
)
def test_auto_takes_decisions_where_nothing_else_is_soft(
    plan: FaultPlan, template: str, used: str | None, tmp_path: Path
) -> None:
    with running(plan) as (url, _), Store.open(f"sqlite:///{tmp_path / 'store.db'}") as store:
        calls = JudgeCalls(store.database)
        known_endpoint(settings(url), JudgeEndpoints(store.database))
        asked = settings(url, template=template)
        judge: Judge = build_judge(asked, calls=calls)
        spoken = build_judge(settings(url, template=template, decisions="never"), calls=calls)
        assert (judge.name == spoken.name) == (used is None)
        if used is not None:
            assert judge.name == build_judge(settings(url, template=template, decisions=used)).name
        judged = verdicts(judge, comparisons(2))
    assert all(verdict.unscored is None for verdict in judged.values())


def test_what_is_known_spares_requests_that_would_be_refused(tmp_path: Path) -> None:
    plan = FaultPlan(refuses=frozenset({"logprobs", "temperature", "json_schema", "max_tokens"}))
    with running(plan) as (url, server), Store.open(f"sqlite:///{tmp_path / 'store.db'}") as store:
        asked = settings(url, template="pairwise_json", concurrency=1)
        known_endpoint(asked, JudgeEndpoints(store.database))
        refused = server.stats["done"]["http_400"]
        judged = verdicts(build_judge(asked, calls=JudgeCalls(store.database)), comparisons())
        assert server.stats["done"]["http_400"] == refused
        verdicts(build_judge(asked), comparisons())
        assert server.stats["done"]["http_400"] >= refused + 4
    assert all(verdict.unscored is None for verdict in judged.values())


def test_kept_decisions_are_read_again_without_asking(tmp_path: Path) -> None:
    plan = FaultPlan(offers=frozenset({"systemone"}))
    with running(plan) as (url, server), Store.open(f"sqlite:///{tmp_path / 'store.db'}") as store:
        judge = build_judge(settings(url, decisions="systemone"), calls=JudgeCalls(store.database))
        first = verdicts(judge, comparisons())
        again = verdicts(judge, comparisons())
        assert server.stats["requests"] == 12
    assert {v.comparison_id: v.p_first for v in first.values()} == {
        v.comparison_id: v.p_first for v in again.values()
    }


def test_a_template_that_wants_text_is_not_put_to_a_decision_endpoint() -> None:
    asked = settings("http://127.0.0.1:9/v1", template="pairwise_json", decisions="systemone")
    for refuse in (check_judge, build_judge):
        with pytest.raises(JudgeSettingsError, match=r"judge\.decisions: systemone gives probabilities"):
            refuse(asked)


def test_decisions_do_not_go_off_in_batches() -> None:
    asked = settings("http://127.0.0.1:9/v1", decisions="decisions", delivery="batch")
    with pytest.raises(JudgeSettingsError, match=r"judge\.decisions: decisions cannot go off in batches"):
        check_judge(asked)


def test_a_server_without_the_endpoint_stops_the_judge() -> None:
    with running(FaultPlan()) as (url, _), pytest.raises(JudgeStopped, match="404"):
        verdicts(build_judge(settings(url, decisions="systemone")), comparisons(1))


@pytest.mark.parametrize("dialect", BOTH)
def test_refusals_and_broken_answers_leave_a_comparison_unscored(dialect: Dialect) -> None:
    offers = frozenset({dialect})
    for fault, reason in (("refusal", "refuse"), ("no_choices", "not a|no answer"), ("truncated", "not a")):
        with running(FaultPlan(offers=offers, faults={fault: 1.0})) as (url, _):
            asked = settings(url, decisions=dialect, attempts=1)
            (verdict,) = verdicts(build_judge(asked), comparisons(1)).values()
        assert verdict.p_first is None
        assert verdict.unscored is not None
        assert any(word in verdict.unscored for word in reason.split("|")), (fault, verdict.unscored)


# The dialects by themselves


def test_the_chat_stands_whole_in_the_request() -> None:
    one = decision_request("systemone", "m", CHAT, ("A", "B"))
    assert one["state"] == "Be fair.\n\nA: yes\nB: no"
    assert one["questions"]["better"]["criteria"] == {"Answer A": None, "Answer B": None}
    other = decision_request("decisions", "m", CHAT, ("A", "B", "C"))
    assert [turn["role"] for turn in other["input"]] == ["system", "user"]
    assert [choice["value"] for choice in other["questions"][0]["choices"]] == [
        "Answer A",
        "Answer B",
        "Neither is better",
    ]


def systemone(**probabilities: float) -> bytes:
    named = {name.replace("_", " "): share for name, share in probabilities.items()}
    return json.dumps({"answers": {"better": {"type": "choice", "probabilities": named}}}).encode()


def test_probabilities_that_were_rounded_to_nothing_stay_finite() -> None:
    told = json.loads(decision_as_completion("systemone", systemone(Answer_A=1.0, Answer_B=0.0), ("A", "B")))
    (token,) = told["choices"][0]["logprobs"]["content"]
    first, second = (entry["logprob"] for entry in token["top_logprobs"])
    assert told["choices"][0]["message"]["content"] == token["token"] == "A"
    assert -20 < second < first < 0


@pytest.mark.parametrize(
    "raw",
    [
        systemone(Answer_A=0.5),
        systemone(Answer_A=0.0, Answer_B=0.0),
        systemone(Answer_A=-0.5, Answer_B=1.5),
        systemone(Answer_A=math.nan, Answer_B=0.5),
        b'{"answers": {}}',
        b'{"answers": {"better": {"type": "choice"}}}',
        b"[]",
        b"",
    ],
)
def test_an_answer_without_a_probability_for_each_option_is_no_decision(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"decision|validation error"):
        decision_as_completion("systemone", raw, ("A", "B"))
