"""What a probe finds out about servers whose features are known."""

from typing import Any

import pytest

from judge import JudgeStopped
from judge.api.endpoint_features import EndpointFeatures
from judge.api.probe import probe
from judge.rehearsal.fault_plan import FaultPlan
from judge.rehearsal.fault_server import running
from judge.settings import ApiJudgeSettings

PLAIN = {"models", "system", "temperature", "max_tokens", "max_completion_tokens", "n", "logprobs",
         "json_schema", "json_object"}  # fmt: skip


def probed(plan: FaultPlan, model: str = "planted-judge", **settings: Any) -> EndpointFeatures:
    with running(plan) as (url, _):
        return probe(ApiJudgeSettings(base_url=url, model=model, **settings))


def working(found: EndpointFeatures) -> set[str]:
    return {name for name in found.names() if found.finding(name).works}


def test_a_server_with_everything_but_decisions() -> None:
    found = probed(FaultPlan(reasoning_tokens=12))
    assert working(found) == PLAIN
    assert (found.top_logprobs, found.usage, found.reasoning_tokens) == (20, True, 12)
    assert found.systemone.said.startswith("HTTP 404")


def test_decision_endpoints_are_found_one_by_one() -> None:
    assert working(probed(FaultPlan(offers=frozenset({"systemone"})))) == PLAIN | {"systemone"}
    assert working(probed(FaultPlan(offers=frozenset({"decisions"})))) == PLAIN | {"decisions"}


@pytest.mark.parametrize(
    "feature", ["n", "system", "temperature", "max_tokens", "max_completion_tokens", "json_schema", "models"]
)
def test_what_is_refused_is_found_alone_with_the_servers_words(feature: Any) -> None:
    found = probed(FaultPlan(refuses=frozenset({feature})))
    assert working(found) == PLAIN - {feature}
    assert found.finding(feature).taken == "no"
    assert found.finding(feature).said.startswith("HTTP 40")


def test_what_is_accepted_without_effect_is_called_ignored() -> None:
    found = probed(FaultPlan(ignores=frozenset({"n", "logprobs", "json_schema", "json_object"})))
    assert working(found) == PLAIN - {"n", "logprobs", "json_schema", "json_object"}
    assert {found.finding(name).taken for name in ("n", "logprobs", "json_schema", "json_object")} == {
        "ignored"
    }
    assert found.top_logprobs == 0


def test_a_shorter_list_of_likely_tokens_is_found() -> None:
    found = probed(FaultPlan(top_logprobs=5))
    assert (found.top_logprobs, found.logprobs.works) == (5, True)
    assert probed(FaultPlan(refuses=frozenset({"logprobs"}))).top_logprobs == 0


def test_a_model_that_is_listed_under_no_name_and_a_key_that_is_wrong_stop_the_probe() -> None:
    with pytest.raises(JudgeStopped, match=r"does not answer the plainest request: HTTP 404.*does not exist"):
        probed(FaultPlan(), model="another")
    with pytest.raises(JudgeStopped, match="OPENAI_API_KEY was not accepted"):
        probed(FaultPlan(api_key="secret"))


def test_a_model_that_thinks_past_the_limit_is_believed_what_it_accepts() -> None:
    found = probed(
        FaultPlan(reasoning_tokens=5000, refuses=frozenset({"logprobs", "temperature", "max_tokens"}))
    )
    assert working(found) == PLAIN - {"logprobs", "temperature", "max_tokens"}
    assert "cut" in found.json_schema.said
    assert found.reasoning_tokens == 5000


def test_a_busy_server_is_asked_again() -> None:
    found = probed(FaultPlan(storm_every=4, storm_length=2, retry_after=0.01))
    assert working(found) == PLAIN


def test_nobody_there_stops_the_probe() -> None:
    with pytest.raises(JudgeStopped, match="no answer"):
        probe(ApiJudgeSettings(base_url="http://127.0.0.1:9/v1", model="m"))


def test_findings_survive_being_stored() -> None:
    found = probed(FaultPlan())
    assert EndpointFeatures.model_validate(found.model_dump(mode="json")) == found
