"""What is put in comes out, whatever a model or a person wrote, on either database."""

import math
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.columns import AnyText, Json, Packed
from store.records import Message, Prompt

ODD = [
    "\x00",
    "a\x00b",
    "\ud83d",
    "\ufdd0",
    "\ufdd00000",
    "\ufdd0d83d\x00",
    "é\u0301",
    "\u2028",
    "😀",
    "' OR 1=1 --",
    "\r\n\t",
]


@pytest.mark.parametrize("text", ODD, ids=ascii)
def test_text_that_databases_refuse_comes_back_exactly(run, units, text):
    prompt = Prompt(messages=(Message(role="user", content=text),), split="train", source=text, tags=(text,))
    run.add_prompts([prompt])
    sample = units.samples([prompt], 1)[0].model_copy(update={"text": text})
    run.add_samples([sample])
    assert run.prompt(prompt.id) == prompt
    assert run.sample(sample.id) == sample


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_any_text_survives_its_column(text):
    column = AnyText()
    stored = column.process_bind_param(text, None)
    assert "\x00" not in stored
    stored.encode("utf-8")
    assert column.process_result_value(stored, None) == text
    packed = Packed()
    assert packed.process_result_value(packed.process_bind_param(text, None), None) == text


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False), st.lists)
)
def test_any_json_value_survives_its_column(value):
    column = Json()
    stored = column.process_bind_param([value], None)
    stored.encode("ascii")
    assert column.process_result_value(stored, None) == [value]


@given(logprob=st.floats(allow_nan=False))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_floats_come_back_bit_by_bit(run, units, logprob):
    [prompt] = units.prompts(1)
    run.add_prompts([prompt])
    sample = units.samples([prompt], 1, policy=f"rev_{logprob!r}")[0].model_copy(update={"logprob": logprob})
    run.add_samples([sample])
    stored = run.sample(sample.id).logprob
    assert stored == logprob
    assert math.copysign(1.0, stored) == math.copysign(1.0, logprob)


def test_names_are_ordered_byte_by_byte_on_every_database(run, units):
    prompts = units.prompts(1)
    run.add_prompts(prompts)
    policies = ["b", "B", "a", "é", "_", "Z", "~"]
    run.add_samples(sample for policy in policies for sample in units.samples(prompts, 1, policy=policy))
    assert [sample.policy for sample in run.samples(1, "train")] == sorted(policies)


def test_a_moment_without_a_time_zone_is_refused(store, units):
    naive = units.run().model_copy(update={"created_at": datetime(2026, 3, 1)})
    with pytest.raises(Exception, match="has no time zone"):
        store.create_run(naive)
    assert store.runs() == []
