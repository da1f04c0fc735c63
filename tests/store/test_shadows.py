"""Verdicts that decide nothing are kept whole, and apart from those that do."""

from typing import Any

import pytest

from store.errors import BadUnit, NotFound
from store.records import Usage
from store.run import RunStore

USAGE = Usage(calls=2, input_tokens=9, output_tokens=1, cost_usd=0.1)


@pytest.fixture
def compared(run: RunStore, units: Any) -> list[Any]:
    prompts = units.prompts(3)
    samples = units.samples(prompts)
    run.add_prompts(prompts)
    run.add_samples(samples)
    comparisons: list[Any] = units.comparisons(prompts, samples)
    run.add_comparisons(comparisons)
    return comparisons


def test_a_shadow_verdict_comes_back_and_is_nobody_elses_verdict(
    run: RunStore, units: Any, compared: list[Any]
) -> None:
    first = compared[0]
    shadow = units.verdict(first, "shadow", p_first=0.25, p_tie=0.1, usage=USAGE)
    assert run.add_shadow_verdicts([shadow]) == 1
    assert run.add_shadow_verdicts([shadow]) == 0
    found = list(run.shadow_verdicts(first.round, first.purpose))
    assert [(v.id, v.judge, v.p_first, v.p_tie) for v in found] == [(shadow.id, "shadow", 0.25, 0.1)]
    assert list(run.verdicts(first.round, first.purpose)) == []
    assert list(run.scores(first.round, first.purpose)) == []
    with pytest.raises(NotFound):
        run.verdict(shadow.id)


def test_shadow_verdicts_are_read_by_judge_round_and_purpose(
    run: RunStore, units: Any, compared: list[Any]
) -> None:
    run.add_shadow_verdicts(units.verdict(c, judge) for c in compared for judge in ("one", "two"))
    index, purpose = compared[0].round, compared[0].purpose
    assert len(list(run.shadow_verdicts(index, purpose))) == 2 * len(compared)
    assert {v.judge for v in run.shadow_verdicts(index, purpose, "two")} == {"two"}
    assert list(run.shadow_verdicts(index + 1, purpose)) == []
    assert list(run.shadow_verdicts(index, "league")) == []


def test_the_texts_a_shadow_saw_are_kept(run: RunStore, units: Any, compared: list[Any]) -> None:
    verdict = units.verdict(compared[0], "shadow")
    run.add_shadow_verdicts([verdict])
    for hash, text in zip(verdict.prompt_hashes, verdict.prompt_texts, strict=True):
        assert run.text(hash) == text


def test_a_shadow_of_nothing_is_refused(run: RunStore, units: Any) -> None:
    prompts = units.prompts(1)
    lost = units.comparisons(prompts, units.samples(prompts))[0]
    with pytest.raises(BadUnit):
        run.add_shadow_verdicts([units.verdict(lost)])


def test_ties_and_disagreement_come_back(run: RunStore, units: Any, compared: list[Any]) -> None:
    verdict = units.verdict(compared[0], "panel", p_first=0.5, p_tie=0.3, disagreement=0.7)
    run.add_verdicts([verdict])
    found = run.verdict(verdict.id)
    assert (found.p_tie, found.disagreement) == (0.3, 0.7)


def test_scores_are_those_of_a_judge(run: RunStore, units: Any, compared: list[Any]) -> None:
    run.add_verdicts(
        [units.verdict(compared[0], "one", p_first=0.2), units.verdict(compared[0], "two", p_first=0.8)]
    )
    index, purpose = compared[0].round, compared[0].purpose
    assert list(run.scores(index, purpose)) == [(compared[0].id, 0.2), (compared[0].id, 0.8)]
    assert list(run.scores(index, purpose, "two")) == [(compared[0].id, 0.8)]
