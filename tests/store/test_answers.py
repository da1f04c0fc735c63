"""Prompts and samples: once each, exactly as they were, in the order of the data set."""

import random

import pytest

from store.errors import BadUnit, NotFound
from store.records import Message, Prompt
from store.scope import CHUNK


def test_prompts_keep_the_order_of_the_data_set_in_each_split(run, units):
    train, heldout = units.prompts(CHUNK + 3), units.prompts(4, "heldout")
    assert run.add_prompts([*train, *heldout]) == CHUNK + 7
    assert list(run.prompts("train")) == train
    assert list(run.prompts("heldout")) == heldout


def test_prompts_added_again_are_not_new_and_keep_their_place(run, units):
    prompts = units.prompts(5)
    run.add_prompts(prompts[:3])
    assert run.add_prompts(reversed(prompts)) == 2
    assert list(run.prompts("train")) == [*prompts[:3], prompts[4], prompts[3]]


def test_a_conversation_comes_back_turn_by_turn(run):
    turns = [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello."), ("user", "Bye\n")]
    prompt = Prompt(
        messages=tuple(Message(role=role, content=text) for role, text in turns),
        split="heldout", source="data.jsonl:3", tags=("harmless", "x"),
    )  # fmt: skip
    run.add_prompts([prompt])
    assert run.prompt(prompt.id) == prompt


def test_samples_come_by_prompt_order_policy_and_index_however_they_were_added(run, units):
    prompts = units.prompts(CHUNK // 2)
    run.add_prompts(prompts)
    samples = [*units.samples(prompts, 3, policy="rev_b"), *units.samples(prompts, 2, policy="rev_a")]
    shuffled = random.Random(1).sample(samples, len(samples))
    assert run.add_samples(shuffled) == len(samples)
    place = {prompt.id: i for i, prompt in enumerate(prompts)}
    in_order = sorted(samples, key=lambda s: (place[s.prompt_id], s.policy, s.index))
    assert list(run.samples(1, "train")) == in_order
    assert list(run.samples(1, "train", "rev_b")) == [s for s in in_order if s.policy == "rev_b"]


def test_samples_of_other_rounds_and_purposes_stay_out(run, units):
    prompts = units.prompts(2)
    run.add_prompts(prompts)
    wanted = units.samples(prompts, round=2, purpose="gate")
    run.add_samples(
        [*units.samples(prompts, round=2), *units.samples(prompts, round=1, purpose="gate"), *wanted]
    )
    assert list(run.samples(2, "gate")) == wanted


def test_a_sample_added_again_is_not_new(run, units):
    prompts = units.prompts(2)
    run.add_prompts(prompts)
    samples = units.samples(prompts)
    assert (run.add_samples(samples[:3]), run.add_samples(samples), run.add_samples(samples)) == (3, 1, 0)


def test_a_sample_of_an_unknown_prompt_is_refused_by_its_id(run, units):
    prompt = units.prompts(1)[0]
    with pytest.raises(BadUnit, match=f"no prompt {prompt.id}. Add the prompts first"):
        run.add_samples(units.samples([prompt]))


def test_a_sample_that_is_not_there_is_refused(run):
    with pytest.raises(NotFound, match="run 'first' has no sample 'smp_0'"):
        run.sample("smp_0")


def test_samples_may_be_added_while_they_are_read(run, units):
    prompts = units.prompts(CHUNK)
    run.add_prompts(prompts)
    first = units.samples(prompts, 2)
    run.add_samples(first)
    seen = []
    for sample in run.samples(1, "train"):
        if not seen:
            run.add_samples(units.samples(prompts, 1, policy="rev_z"))
        seen.append(sample)
    assert [sample for sample in seen if sample.policy == "rev_a"] == first
    assert len({sample.id for sample in seen}) == len(seen)
