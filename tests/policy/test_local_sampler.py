"""Samples are a function of prompts, k and seed; they are the policy's; and rows leave without a trace."""

import functools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch

from policy.decode import Answer, Batch, can_drop_rows, decode_by_generate, decode_rows
from policy.draws import sample_seed, uniforms
from policy.errors import PromptTooLong
from policy.model import LoadedPolicy
from policy.sampler import BatchDrawing, LocalSampler, length_batches
from policy.settings import SamplerSettings
from store.records import Prompt, Sample

CACHED = ["llama", "qwen2", "gpt2", "gpt_neox", "gemma2", "gemma3_text", "mistral", "bloom", "lfm2"]
Load = Callable[[str], LoadedPolicy]


def one_by_one(policy: LoadedPolicy, prompt: Sequence[int], draws: np.ndarray, temperature: float) -> Answer:
    """The plainest way to draw an answer: the whole text through the model for every token, no cache, no batch."""
    ids, logprob = list(prompt), 0.0
    for draw in draws:
        logits = policy.model(input_ids=torch.tensor([ids])).logits[0, -1].double()
        cumulative = torch.softmax(logits / temperature, -1).cumsum(-1)
        token = int(
            torch.searchsorted(cumulative, torch.tensor([draw]).double() * cumulative[-1], right=True)
        )
        logprob += float(torch.log_softmax(logits, -1)[token])
        ids.append(token)
        if token in policy.chats.end_ids:
            return Answer(ids[len(prompt) :], True, logprob)
    return Answer(ids[len(prompt) :], False, logprob)


def some_end_early(policy: LoadedPolicy) -> None:
    """Make every eighth token end an answer, so that rows leave the batch at different steps."""
    policy.chats.end_ids = frozenset(range(0, 400, 8)) | policy.chats.end_ids


@pytest.mark.parametrize("architecture", CACHED)
def test_a_batch_on_the_cache_draws_what_each_row_would_draw_alone(
    tiny_policy: Load, prompts: list[Prompt], architecture: str
) -> None:
    policy = tiny_policy(architecture)
    assert can_drop_rows(policy.model)
    some_end_early(policy)
    ids = policy.prompt_ids(prompts[:4])
    draws = np.stack([uniforms(seed, 40) for seed in range(12)])
    found = decode_rows(policy, Batch(ids, 3, draws, 0.8, 1.0))
    assert len({len(answer.ids) for answer in found}) > 2
    # A batch without padding takes another path through attention.
    unpadded = decode_rows(policy, Batch(ids[:1], 3, draws[:3], 0.8, 1.0))
    assert [answer.ids for answer in unpadded] == [answer.ids for answer in found[:3]]
    for row, answer in enumerate(found):
        alone = one_by_one(policy, ids[row // 3], draws[row], 0.8)
        assert (answer.ids, answer.ended) == (alone.ids, alone.ended)
        assert answer.logprob == pytest.approx(alone.logprob, abs=1e-3)


@pytest.mark.parametrize("architecture", ["llama", "mamba"])
def test_generate_draws_the_same_answers(tiny_policy: Load, prompts: list[Prompt], architecture: str) -> None:
    policy = tiny_policy(architecture)
    some_end_early(policy)
    ids = policy.prompt_ids(prompts[:3])
    draws = np.stack([uniforms(seed, 12) for seed in range(6)])
    for row, answer in enumerate(decode_by_generate(policy, Batch(ids, 2, draws, 0.8, 1.0))):
        alone = one_by_one(policy, ids[row // 2], draws[row], 0.8)
        assert (answer.ids, answer.ended) == (alone.ids, alone.ended)
        assert answer.logprob == pytest.approx(alone.logprob, abs=1e-3)


def test_a_model_that_keeps_its_own_state_goes_through_generate(
    tiny_policy: Load, prompts: list[Prompt]
) -> None:
    policy = tiny_policy("mamba")
    assert not can_drop_rows(policy.model)
    samples = list(LocalSampler(policy, SamplerSettings(max_new_tokens=4)).sample(prompts[:2], 2, 0))
    assert len(samples) == 4


def by_unit(samples: list[Sample]) -> dict[tuple[str, int], Sample]:
    return {(sample.prompt_id, sample.index): sample for sample in samples}


def test_the_same_call_gives_the_same_samples_and_each_its_own_seed(
    tiny_policy: Load, prompts: list[Prompt]
) -> None:
    policy = tiny_policy("llama")
    sampler = LocalSampler(policy, SamplerSettings(max_new_tokens=8, batch_tokens=256))
    first = by_unit(list(sampler.sample(iter(prompts), 3, 7, round=2, purpose="gate")))
    again = by_unit(list(LocalSampler(policy, SamplerSettings(max_new_tokens=8, batch_tokens=256)).sample(
        prompts, 3, 7, round=2, purpose="gate")))  # fmt: skip
    assert len(first) == 3 * len(prompts)
    assert first == again
    for (prompt_id, index), sample in first.items():
        assert sample.seed == sample_seed(7, 2, "gate", prompt_id, index)
        assert sample.policy == policy.revision
    other = by_unit(list(sampler.sample(prompts, 3, 8, round=2, purpose="gate")))
    assert all(first[unit].text != other[unit].text for unit in first)


def test_an_answer_stops_where_the_context_ends(tiny_policy: Load, prompts: list[Prompt]) -> None:
    policy = tiny_policy("llama")
    longest = max(map(len, policy.prompt_ids(prompts)))
    policy.context = longest + 3
    samples = list(LocalSampler(policy, SamplerSettings(max_new_tokens=40)).sample(prompts, 2, 0))
    lengths = {prompt.id: len(policy.prompt_ids([prompt])[0]) for prompt in prompts}
    for sample in samples:
        assert lengths[sample.prompt_id] + sample.tokens <= policy.context
    assert {s.tokens for s in samples if lengths[s.prompt_id] == longest} == {3}
    policy.context = longest
    with pytest.raises(PromptTooLong, match=str(longest)):
        list(LocalSampler(policy, SamplerSettings()).sample(prompts, 2, 0))


def test_greedy_answers_to_a_prompt_are_all_the_same(tiny_policy: Load, prompts: list[Prompt]) -> None:
    settings = SamplerSettings(max_new_tokens=6, temperature=0.0)
    samples = list(LocalSampler(tiny_policy("llama"), settings).sample(prompts, 3, 0))
    for prompt in prompts:
        assert len({s.text for s in samples if s.prompt_id == prompt.id}) == 1


def test_batches_hold_their_tokens_and_every_prompt_once() -> None:
    lengths = [5, 90, 17, 60, 60, 3, 41]
    settings = SamplerSettings(max_new_tokens=20, batch_tokens=400)
    batches = list(length_batches(lengths, 2, settings))
    assert sorted(place for batch in batches for place in batch) == list(range(7))
    for batch in batches:
        assert len(batch) * 2 * (max(lengths[p] for p in batch) + 20) <= 400 or len(batch) == 1
    assert [len(b) for b in length_batches([500], 4, settings)] == [1]


def test_samples_come_batch_by_batch(tiny_policy: Load, prompts: list[Prompt]) -> None:
    policy = tiny_policy("llama")
    settings = SamplerSettings(max_new_tokens=4, batch_tokens=64)
    passes = 0
    forward = policy.model.forward

    def counted(*args: object, **kwargs: object) -> object:
        nonlocal passes
        passes += 1
        return forward(*args, **kwargs)

    sampler = LocalSampler(policy, settings, BatchDrawing(policy, settings))
    policy.model.forward = functools.wraps(forward)(counted)
    next(iter(sampler.sample(prompts, 2, 0)))
    assert passes <= 5
