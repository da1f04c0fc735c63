"""Comparisons, verdicts, and the texts behind them."""

import random

import pytest

from prompts.hashing import content_hash
from store.errors import BadUnit, NotFound
from store.records import Usage
from store.scope import CHUNK


@pytest.fixture
def compared(run, units):
    """A run with comparisons over more than two pages; and those comparisons, in order."""
    prompts = units.prompts(CHUNK // 2)
    samples = units.samples(prompts, 4)
    run.add_prompts(prompts)
    run.add_samples(samples)
    comparisons = units.comparisons(prompts, samples)
    assert run.add_comparisons(random.Random(3).sample(comparisons, len(comparisons))) == len(comparisons)
    return run, comparisons


def bare(verdict):
    return verdict.model_copy(update={"prompt_texts": ()})


def test_comparisons_come_whole_by_prompt_order_and_the_samples_indices(compared):
    run, comparisons = compared
    assert list(run.comparisons(1, "train")) == comparisons
    assert run.comparison(comparisons[7].id) == comparisons[7]
    assert list(run.comparisons(2, "train")) == list(run.comparisons(1, "gate")) == []


def test_a_comparison_added_again_is_not_new(compared):
    run, comparisons = compared
    assert run.add_comparisons(comparisons) == 0


def test_a_comparison_of_samples_not_stored_is_refused(run, units):
    prompts = units.prompts(1)
    run.add_prompts(prompts)
    comparisons = units.comparisons(prompts, units.samples(prompts))
    with pytest.raises(BadUnit, match=r"cannot add to comparisons.*Add what these units refer to first"):
        run.add_comparisons(comparisons)


def test_verdicts_come_in_the_order_of_the_comparisons_whoever_finished_first(compared, units):
    run, comparisons = compared
    verdicts = [units.verdict(one, p_first=i / len(comparisons)) for i, one in enumerate(comparisons)]
    assert run.add_verdicts(random.Random(5).sample(verdicts, len(verdicts))) == len(verdicts)
    assert list(run.verdicts(1, "train")) == [bare(verdict) for verdict in verdicts]
    assert list(run.judged(1, "train")) == list(zip(comparisons, map(bare, verdicts), strict=True))


def test_a_judge_s_verdicts_can_be_asked_for_alone(compared, units):
    run, comparisons = compared
    ours, theirs = ([units.verdict(one, judge) for one in comparisons[:5]] for judge in ("ours", "theirs"))
    run.add_verdicts([*theirs, *ours])
    assert list(run.verdicts(1, "train", "theirs")) == [bare(verdict) for verdict in theirs]
    assert [verdict.judge for _, verdict in run.judged(1, "train")] == ["ours", "theirs"] * 5
    assert [comparison for comparison, _ in run.judged(1, "train", "ours")] == comparisons[:5]


def test_every_field_of_a_verdict_comes_back(compared, units):
    run, comparisons = compared
    verdict = units.verdict(
        comparisons[0], p_first=0.1 + 0.2, p_first_shown_first=1.0, p_first_shown_second=5e-324, label_mass=1 / 3,
        rationale="Because.\n", usage=Usage(calls=2, input_tokens=10, output_tokens=1, cost_usd=1e-9),
    )  # fmt: skip
    run.add_verdicts([verdict])
    assert run.verdict(verdict.id) == bare(verdict)


def test_a_verdict_added_again_changes_nothing(compared, units):
    run, comparisons = compared
    first = units.verdict(comparisons[0], p_first=0.9)
    assert run.add_verdicts([first]) == 1
    assert run.add_verdicts([units.verdict(comparisons[0], p_first=0.1)]) == 0
    assert run.add_verdicts([units.verdict(comparisons[0], unscored="timeout")]) == 0
    assert run.verdict(first.id) == bare(first)


def test_a_scored_verdict_takes_the_place_of_a_failure(compared, units):
    run, comparisons = compared
    failed = units.verdict(comparisons[0], unscored="timeout")
    scored = units.verdict(comparisons[0], p_first=0.6)
    assert (run.add_verdicts([failed]), run.add_verdicts([scored])) == (1, 1)
    assert list(run.verdicts(1, "train")) == [bare(scored)]


def test_each_comparison_is_handed_out_once_though_verdicts_are_added_meanwhile(compared, units):
    run, comparisons = compared
    seen = []
    for number, comparison in enumerate(run.comparisons(1, "train")):
        seen.append(comparison)
        run.add_verdicts([units.verdict(comparison, **({"unscored": "down"} if number % 3 == 0 else {}))])
        if number == CHUNK + 10:
            break
    assert seen == comparisons[: CHUNK + 11]


def test_the_exact_texts_the_judge_saw_are_kept_by_hash(compared, units):
    run, comparisons = compared
    verdict = units.verdict(comparisons[0])
    run.add_verdicts([verdict])
    assert tuple(run.text(hash) for hash in verdict.prompt_hashes) == verdict.prompt_texts


def test_a_text_under_a_hash_that_is_not_its_own_is_refused(compared, units):
    run, comparisons = compared
    wrong = units.verdict(
        comparisons[0], prompt_hashes=(content_hash("a"), content_hash("b")), prompt_texts=("a", "c")
    )
    with pytest.raises(BadUnit, match="does not have the hash"):
        run.add_verdicts([wrong])
    assert list(run.verdicts(1, "train")) == []
    with pytest.raises(BadUnit, match="does not have the hash"):
        run.save_texts({"0" * 64: "a constitution"})


def test_texts_and_hashes_must_be_as_many(compared, units):
    run, comparisons = compared
    with pytest.raises(BadUnit, match="1 prompt texts and 2 hashes"):
        run.add_verdicts([units.verdict(comparisons[0], prompt_texts=("alone",))])


def test_texts_are_kept_by_run_and_missing_ones_named(store, run, units):
    text = "be kind " * 5000
    run.save_texts({content_hash(text): text})
    run.save_texts({content_hash(text): text})
    assert run.text(content_hash(text)) == text
    with pytest.raises(NotFound, match="run 'second' keeps no text"):
        store.create_run(units.run("second")).text(content_hash(text))
