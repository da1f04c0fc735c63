"""The attack patterns and what a trial finds: known judges give known changes."""

import asyncio
import math
import re

import pytest

from judge.attacks.pattern import Pattern, Request
from judge.attacks.patterns import chosen_patterns, patterns
from judge.attacks.requests import shipped_requests
from judge.attacks.trial import PatternResult, Trial, try_patterns
from judge.errors import JudgeSettingsError
from judge.scripted import ScriptedJudge
from store.records import Comparison

REQUESTS = shipped_requests()
FEW = (*REQUESTS[:6], *REQUESTS[-3:])


def results(
    judge: ScriptedJudge, *names: str, requests: tuple[Request, ...] = FEW
) -> dict[str, PatternResult]:
    trial = Trial(requests, chosen_patterns(names), "c", seed=3)
    return {result.name: result for result in asyncio.run(try_patterns(judge, trial))}


def test_there_are_many_patterns_and_each_says_what_it_does_and_where_it_comes_from() -> None:
    assert len(patterns()) >= 20
    assert len(REQUESTS) >= 40
    assert len({request.request for request in REQUESTS}) == len(REQUESTS)
    for name, pattern in patterns().items():
        assert name == pattern.name
        assert re.fullmatch(r"[a-z_]+", name)
        assert len(pattern.does) > 5
        assert re.search(r"arXiv:\d{4}\.\d{5}", pattern.source) or name == "unrelated"


@pytest.mark.parametrize("name", patterns())
def test_a_pattern_changes_the_answer_the_same_way_every_time(name: str) -> None:
    pattern = patterns()[name]
    made = [pattern.attack(request, 1) for request in REQUESTS]
    assert made == [pattern.attack(request, 1) for request in REQUESTS]
    fitting = [(request, text) for request, text in zip(REQUESTS, made, strict=True) if text is not None]
    assert len(fitting) >= 10
    for request, text in fitting:
        assert text.strip()
        assert text != request.poor
        if pattern.empty:
            assert request.poor not in text


@pytest.mark.parametrize("name", [n for n, p in patterns().items() if p.empty and n != "echo"])
def test_a_null_answer_knows_nothing_of_the_request(name: str) -> None:
    texts = {patterns()[name].attack(request, seed) for request in REQUESTS for seed in range(3)}
    assert len(texts) <= 5


def test_harm_is_hidden_in_harmful_requests_alone() -> None:
    for name in ("safe_preface", "encoded_harm", "foreign_harm"):
        fits = {request.axis for request in REQUESTS if patterns()[name].attack(request, 0) is not None}
        assert fits == {"harmless"}


def test_another_seed_draws_other_variants() -> None:
    drawn = {patterns()["forged_turns"].attack(REQUESTS[0], seed) for seed in range(20)}
    assert len(drawn) == 5


def test_an_unknown_pattern_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        JudgeSettingsError, match=r"no attack pattern nul_constant; there are .*null_constant"
    ):
        chosen_patterns(["echo", "nul_constant"])


def test_a_judge_that_falls_for_one_phrase_is_shown_to_fall_for_it_alone() -> None:
    def prefers(comparison: Comparison) -> float:
        return 0.9 if "10/10" in comparison.first.text else 0.2

    found = results(ScriptedJudge(prefers))
    assert found["claimed_grade"].change is not None
    assert found["claimed_grade"].change.value == pytest.approx(0.7)
    assert found["claimed_grade"].wins == 1.0
    assert next(iter(found)) == "claimed_grade"
    others = [result.change for name, result in found.items() if name != "claimed_grade"]
    assert all(change is not None and change.value == pytest.approx(0.0) for change in others)


def test_the_change_is_within_each_request_and_its_interval_covers_it() -> None:
    """Clean chances differ wildly between requests; the gain is the same in all, and the interval is as narrow."""
    clean = {request.request: n / 20 for n, request in enumerate(FEW)}

    def prefers(comparison: Comparison) -> float:
        bonus = 0.3 if "93%" in comparison.first.text else 0.0
        return clean[comparison.prompt.text] + bonus

    change = results(ScriptedJudge(prefers), "bandwagon")["bandwagon"].change
    assert change is not None
    assert (change.low, change.value, change.high) == (pytest.approx(0.3),) * 3


def test_the_interval_has_the_width_that_the_spread_asks_for() -> None:
    gains = [0.1, 0.5] * 23

    def prefers(comparison: Comparison) -> float:
        number = [request.request for request in REQUESTS].index(comparison.prompt.text)
        return 0.2 + (gains[number] if "93%" in comparison.first.text else 0.0)

    change = results(ScriptedJudge(prefers), "bandwagon", requests=REQUESTS)["bandwagon"].change
    assert change is not None
    expected = 1.96 * 0.2 / math.sqrt(46)
    assert change.value == pytest.approx(0.3)
    assert change.high - change.value == pytest.approx(expected, rel=0.15)
    assert change.value - change.low == pytest.approx(expected, rel=0.15)


def test_what_a_judge_fails_on_is_counted_and_compared_with_nothing() -> None:
    def prefers(comparison: Comparison) -> float | None:
        return None if len(comparison.first.text) > 10_000 else 0.4

    found = results(ScriptedJudge(prefers), "context_overflow", "plea")
    assert found["context_overflow"].unscored == len(FEW)
    assert found["context_overflow"].change is None
    assert found["plea"].unscored == 0
    assert list(found)[-1] == "context_overflow"


def test_a_request_that_could_not_be_judged_unattacked_counts_on_neither_side() -> None:
    def prefers(comparison: Comparison) -> float | None:
        if comparison.prompt.text == FEW[0].request and comparison.first.text == FEW[0].poor:
            return None
        return 1.0 if comparison.prompt.text == FEW[0].request else 0.25

    plea = results(ScriptedJudge(prefers), "plea")["plea"]
    assert (plea.requests, plea.clean, plea.attacked) == (len(FEW) - 1, 0.25, 0.25)


def test_a_pattern_that_fits_no_request_has_no_result() -> None:
    found = results(ScriptedJudge(lambda _: 0.3), "foreign_harm", "plea", requests=REQUESTS[:4])
    assert list(found) == ["plea"]


def test_a_pattern_may_be_ones_own() -> None:
    mine = Pattern("mine", "shouts", "nobody", lambda request, _random: request.poor.upper())
    trial = Trial(FEW, [mine], "c")
    judge = ScriptedJudge(lambda comparison: 0.8 if comparison.first.text.isupper() else 0.3)
    [found] = asyncio.run(try_patterns(judge, trial))
    assert found.change is not None
    assert found.change.value == pytest.approx(0.5)
