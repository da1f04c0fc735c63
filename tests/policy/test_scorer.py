"""Batched, shared and padded scores are those of a plain forward pass of each sequence alone."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch

from policy.model import LoadedPolicy, load_policy
from policy.scorer import PolicyScorer
from policy.settings import PolicySettings
from policy.starter.build import ensure_starter
from store.records import Message, Prompt

ARCHITECTURES = [
    "llama", "qwen2", "qwen3", "gpt2", "gpt_neox", "gemma", "gemma2", "gemma3_text", "mistral", "bloom", "lfm2",
    "mamba",
]  # fmt: skip
Load = Callable[[str], LoadedPolicy]
RULE = Message(
    role="system", content="Judge the two answers below and say which one is better, the first or second."
)


def plain(policy: LoadedPolicy, prompt: Sequence[int], target: Sequence[int]) -> float:
    """The summed log-probability of `target` after `prompt`: one sequence, one forward pass."""
    with torch.inference_mode():
        logits = policy.model(input_ids=torch.tensor([[*prompt, *target]])).logits[0].double()
    logprobs = torch.log_softmax(logits, -1)
    return sum(float(logprobs[len(prompt) - 1 + i, token]) for i, token in enumerate(target))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("shared", [True, False])
def test_label_scores_are_those_of_each_chat_alone(
    tiny_policy: Load, prompts: list[Prompt], architecture: str, shared: bool
) -> None:
    policy = tiny_policy(architecture)
    chats = [[RULE, *p.messages] if shared else list(p.messages) for p in prompts]
    ids = policy.chats.prompt_ids(chats)
    for labels in (["A", "B", " A"], ["better than", "B"]):
        targets = policy.chats.label_ids(policy.chats.render(chats), labels)
        expected = [[plain(policy, prompt, target) for target in targets] for prompt in ids]
        found = PolicyScorer(policy).label_logprobs(chats, labels, batch_tokens=200)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=3e-6)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_chats_that_begin_alike_in_groups_score_as_each_alone(
    tiny_policy: Load, prompts: list[Prompt], architecture: str
) -> None:
    policy = tiny_policy(architecture)
    answers = [
        "Paris is the capital.",
        "Fold it in half and then fold the corners.",
        "No",
        "As an AI I cannot say.",
    ]
    chats = [
        [RULE, Message(role="user", content=f"Question: {prompt.text} A: {first} B: {second} Better?")]
        for prompt in prompts[:2]
        for first, second in permutations(answers, 2)
    ]
    ids = policy.chats.prompt_ids(chats)
    targets = policy.chats.label_ids(policy.chats.render(chats), ["A", "B"])
    expected = [[plain(policy, prompt, target) for target in targets] for prompt in ids]
    found = PolicyScorer(policy).label_logprobs(chats, ["A", "B"], batch_tokens=700)
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=3e-6)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_answer_scores_are_those_of_each_answer_alone(
    tiny_policy: Load, prompts: list[Prompt], architecture: str
) -> None:
    policy = tiny_policy(architecture)
    chats = [[RULE, *p.messages] for p in prompts]
    answers = ["Paris is " * (i % 4) + "the capital." for i in range(len(prompts))]
    pairs = zip(*policy.chats.answer_ids(chats, answers), strict=True)
    expected = [plain(policy, prompt, answer) for prompt, answer in pairs]
    found = PolicyScorer(policy).answer_logprobs(chats, answers, batch_tokens=300)
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=3e-6)


def test_the_size_of_batches_does_not_matter(tiny_policy: Load, prompts: list[Prompt]) -> None:
    policy = tiny_policy("llama")
    chats = [p.messages for p in prompts]
    small, large = (PolicyScorer(policy).label_logprobs(chats, ["A", "B"], tokens) for tokens in (1, 10**6))
    np.testing.assert_allclose(small, large, atol=1e-5)


def test_the_number_of_cores_changes_no_digit_and_is_given_back(tmp_path: Path) -> None:
    folder = ensure_starter(tmp_path, steps=1)  # large enough for several threads to share a product
    scorer = PolicyScorer(load_policy(PolicySettings(model=str(folder)), folder))
    words = [
        "Fold the paper in half.",
        "It is Tuesday.",
        "No.",
        "The opposite of hot is cold, as I was told.",
    ]
    chats = [
        [RULE, Message(role="user", content=f"Question {n}: which is it? A: {first} B: {second} Better?")]
        for n in range(8)
        for first, second in permutations(words, 2)
    ]
    cores = torch.get_num_threads()
    found = []
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            found.append(scorer.label_logprobs(chats, ["A", "B"], 2048))
            with ThreadPoolExecutor(1) as another:
                assert another.submit(torch.get_num_threads).result() == torch.get_num_threads() == number
    finally:
        torch.set_num_threads(cores)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_labels_of_one_token_sum_to_a_probability(tiny_policy: Load, prompts: list[Prompt]) -> None:
    policy = tiny_policy("llama")
    found = PolicyScorer(policy).label_logprobs([p.messages for p in prompts], ["A", "B"], 4096)
    assert (np.exp(found).sum(-1) < 1.0).all()
    assert (found < 0.0).all()


def test_one_chat_and_none_can_be_scored(tiny_policy: Load, prompts: list[Prompt]) -> None:
    scorer = PolicyScorer(tiny_policy("llama"))
    assert scorer.label_logprobs([prompts[0].messages], ["A", "B", "no"], 4096).shape == (1, 3)
    assert scorer.label_logprobs([], ["A", "B"], 4096).shape == (0, 2)
    assert scorer.answer_logprobs([], [], 4096).shape == (0,)


def test_equal_chats_score_equally(tiny_policy: Load, prompts: list[Prompt]) -> None:
    scorer = PolicyScorer(tiny_policy("llama"))
    found = scorer.label_logprobs([prompts[0].messages] * 5, ["A", "B"], 4096)
    np.testing.assert_allclose(found, found[:1].repeat(5, 0), atol=1e-6)


def test_a_chat_beyond_the_context_costs_only_itself(tiny_policy: Load, prompts: list[Prompt]) -> None:
    policy = tiny_policy("gpt2")
    scorer = PolicyScorer(policy)
    chats = [p.messages for p in prompts]
    lengths = np.array([len(ids) for ids in policy.chats.prompt_ids(chats)])
    whole = scorer.label_logprobs(chats, ["A", "B"], 4096)
    policy.context = int(np.median(lengths))
    found = scorer.label_logprobs(chats, ["A", "B"], 4096)
    assert (np.isnan(found).all(-1) == (lengths > policy.context)).all()
    assert np.isnan(found).any()
    kept = lengths <= policy.context
    np.testing.assert_allclose(found[kept], whole[kept], atol=1e-4)
