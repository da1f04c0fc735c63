"""The shipped fake does what its script says."""

import asyncio

import pytest

from judge import ScriptedJudge, ScriptedJudgeSettings
from store.records import Verdict
from tests.judge.planted import planted_comparison


def judged(judge: ScriptedJudge, *pairs: tuple[int, int]) -> list[Verdict]:
    async def collect() -> list[Verdict]:
        return [v async for v in judge.compare([planted_comparison(*pair) for pair in pairs])]

    return asyncio.run(collect())


def by_rule(rule: str, **settings: float) -> ScriptedJudge:
    return ScriptedJudge.from_settings(ScriptedJudgeSettings(rule=rule, **settings))


def test_a_callable_decides_and_none_leaves_unscored() -> None:
    judge = ScriptedJudge(lambda c: None if c.first.text == "worth=1" else 0.75, name="mine")
    scored, unscored = judged(judge, (2, 3), (1, 3))
    assert (scored.p_first, scored.judge) == (0.75, "mine")
    assert unscored.p_first is None
    assert unscored.unscored
    assert scored.flipped is False


@pytest.mark.parametrize(("rule", "p_first"), [("shorter", 0.8), ("longer", 0.2)])
def test_the_length_rules(rule: str, p_first: float) -> None:
    judge = by_rule(rule, confidence=0.8)
    short_first, long_first, same = judged(judge, (1, 1000), (1000, 1), (12, 34))
    assert short_first.p_first == pytest.approx(p_first)
    assert long_first.p_first == pytest.approx(1 - p_first)
    assert same.p_first == 0.5


def test_the_hash_rule_is_consistent_and_says_nothing_of_worth() -> None:
    pairs = [(n, n + 1) for n in range(200)]
    forward = judged(by_rule("hash", confidence=1.0), *pairs)
    backward = judged(by_rule("hash", confidence=1.0), *[(b, a) for a, b in pairs])
    assert [v.p_first for v in forward] == [1 - (v.p_first or 0) for v in backward]
    assert 60 < sum(v.p_first or 0 for v in forward) < 140


def test_the_unscored_share_falls_on_the_same_pairs_whichever_comes_first() -> None:
    pairs = [(n, n + 1) for n in range(400)]
    judge = by_rule("longer", unscored_share=0.25)
    failed = [v.unscored is not None for v in judged(judge, *pairs)]
    assert failed == [v.unscored is not None for v in judged(judge, *[(b, a) for a, b in pairs])]
    assert 60 < sum(failed) < 140


def test_the_name_tells_the_script() -> None:
    names = {by_rule("longer").name, by_rule("hash").name, by_rule("hash", unscored_share=0.1).name}
    assert len(names) == 3
