"""Continuous batching, run here on the CPU: complete, repeatable, and greedy answers as everywhere else."""

from collections.abc import Callable

import pytest
import torch

from policy.continuous import ContinuousDrawing, runs_continuously
from policy.errors import SamplingFailed
from policy.model import LoadedPolicy, load_policy
from policy.sampler import BatchDrawing, LocalSampler
from policy.settings import PolicySettings, SamplerSettings
from store.records import Prompt

Load = Callable[[str], LoadedPolicy]


def continuous(policy: LoadedPolicy, settings: SamplerSettings) -> LocalSampler:
    return LocalSampler(policy, settings, ContinuousDrawing(policy, settings, page=16))


def test_every_answer_comes_and_the_same_call_gives_the_same(
    tiny_policy: Load, prompts: list[Prompt]
) -> None:
    policy = tiny_policy("llama")
    sampler = continuous(policy, SamplerSettings(max_new_tokens=6))
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = {(s.prompt_id, s.index): s for s in sampler.sample(prompts, 3, 0)}
    assert set(first) == {(p.id, i) for p in prompts for i in range(3)}
    assert all(s.logprob is not None for s in first.values())
    assert len({s.text for s in first.values()}) > 0.8 * len(first)
    list(sampler.sample(prompts[:2], 3, 1))
    again = {(s.prompt_id, s.index): s for s in sampler.sample(prompts, 3, 0)}
    assert first == again
    assert torch.equal(torch.get_rng_state(), state)
    policy.close()


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["llama", "qwen3", "gemma3_text", "mistral"])
def test_greedy_answers_are_those_of_the_plain_cache(
    tiny_policy: Load, prompts: list[Prompt], architecture: str
) -> None:
    policy = tiny_policy(architecture)
    settings = SamplerSettings(max_new_tokens=10, temperature=0.0)
    found = {(s.prompt_id, s.index): s.text for s in continuous(policy, settings).sample(prompts, 2, 0)}
    rows = LocalSampler(policy, settings, BatchDrawing(policy, settings))
    assert found == {(s.prompt_id, s.index): s.text for s in rows.sample(prompts, 2, 0)}
    policy.close()


def test_an_engine_that_fails_is_an_error_and_not_a_short_answer(
    tiny_policy: Load, prompts: list[Prompt]
) -> None:
    policy = tiny_policy("llama")
    sampler = continuous(policy, SamplerSettings(max_new_tokens=6))

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory, say")

    policy.model.lm_head.forward = broken
    with pytest.raises(SamplingFailed, match=r"twice.*out of memory, say"):
        list(sampler.sample(prompts[:2], 2, 0))
    policy.close()


def test_tempered_answers_have_no_log_probability(tiny_policy: Load, prompts: list[Prompt]) -> None:
    policy = tiny_policy("llama")
    sampler = continuous(policy, SamplerSettings(max_new_tokens=3, temperature=0.5))
    assert {s.logprob for s in sampler.sample(prompts[:2], 2, 0)} == {None}
    policy.close()


def test_only_models_with_attention_alone_run_continuously(tiny_policy: Load) -> None:
    found = {
        name: runs_continuously(tiny_policy(name).model) for name in ("llama", "gemma3_text", "lfm2", "mamba")
    }
    assert found == {"llama": True, "gemma3_text": True, "lfm2": False, "mamba": False}


def test_a_closed_policy_lets_go_of_its_weights(
    tiny_folder: Callable[[str], object], prompts: list[Prompt]
) -> None:
    policy = load_policy(PolicySettings(model="x", device="cpu"), str(tiny_folder("llama")))
    assert policy.describe().startswith("LlamaForCausalLM, 0.04M parameters, float32 on cpu")
    list(continuous(policy, SamplerSettings(max_new_tokens=2)).sample(prompts[:1], 2, 0))
    policy.close()
    assert policy.model is None
    assert policy.engine is None
