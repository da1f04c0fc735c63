"""Preferences and pairs: by prompt order, once each."""

import pytest

from store.errors import BadUnit
from store.records import Pair, Preference


@pytest.fixture
def answered(run, units):
    prompts = units.prompts(6)
    run.add_prompts(prompts)
    samples = units.samples(prompts, 2, round=3)
    run.add_samples(samples)
    return run, [samples[i : i + 2] for i in range(0, len(samples), 2)]


def pair(first, second, **fields):
    made = {"margin": 1.5, "confidence": 0.9, "source": "judge", "comparison_id": "cmp_0", **fields}
    return Pair(prompt_id=first.prompt_id, round=3, chosen=first.id, rejected=second.id, **made)


def test_pairs_come_by_prompt_order_and_are_added_once(answered):
    run, answers = answered
    pairs = [
        pair(one, two, verdict_ids=("ver_1",), label_ids=("lab_1",), margin=-0.0) for one, two in answers
    ]
    assert (run.add_pairs(reversed(pairs)), run.add_pairs(pairs)) == (6, 0)
    assert list(run.pairs(3)) == pairs
    assert list(run.pairs(2)) == []
    assert run.pair(pairs[2].id) == pairs[2]


def test_a_pair_of_samples_that_are_not_stored_is_refused(answered):
    run, answers = answered
    one, two = answers[0]
    with pytest.raises(BadUnit, match="cannot add to pairs"):
        run.add_pairs([pair(one, two).model_copy(update={"rejected": "smp_0"})])


def test_preferences_come_by_prompt_order_and_are_added_once(answered):
    run, answers = answered
    preferences = [
        Preference(
            prompt_id=one.prompt_id, round=3, samples=(two.id, one.id), scores=(0.1 + 0.2, -1e300),
            cycle=i % 2 == 0, verdict_ids=("ver_1", "ver_2"),
        )
        for i, (one, two) in enumerate(answers)
    ]  # fmt: skip
    assert (run.add_preferences(reversed(preferences)), run.add_preferences(preferences)) == (6, 0)
    assert list(run.preferences(3)) == preferences
    assert run.preference(preferences[0].id) == preferences[0]
