"""What does not fit a policy's context is named before it is sampled, and costs only itself where it is scored."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from policy.lengths import over_length
from policy.model import LoadedPolicy
from policy.scorer import PolicyScorer
from policy.settings import PolicySettings
from store.records import Message, Prompt

CONTEXT = 256


@pytest.fixture
def long_prompts(prompts: list[Prompt], tiny_policy: Callable[[str], LoadedPolicy]) -> list[Prompt]:
    """Prompts of which one fills the context to the last token but ten, and one is far longer."""
    measure = tiny_policy("llama").chats.prompt_ids
    words = "x"
    while len(measure([[Message(role="user", content=words + " x")]])[0]) <= CONTEXT - 10:
        words += " x"
    texts = (words, "far too long " * 300)
    return [
        *prompts,
        *(Prompt(messages=(Message(role="user", content=text),), split="heldout") for text in texts),
    ]


@pytest.mark.parametrize(("new_tokens", "named"), [(1, 1), (10, 1), (11, 2), (CONTEXT, 13)])
def test_a_prompt_without_room_for_a_whole_answer_is_named_with_its_length(
    new_tokens: int,
    named: int,
    long_prompts: list[Prompt],
    cpu_settings: PolicySettings,
    tiny_folder: Callable[[str], Path],
    tiny_policy: Callable[[str], LoadedPolicy],
) -> None:
    found = over_length(cpu_settings, tiny_folder("llama"), long_prompts, new_tokens)
    assert found.context == CONTEXT
    assert len(found.lengths) == named
    encoded = tiny_policy("llama").chats.prompt_ids([prompt.messages for prompt in long_prompts])
    for prompt, ids in zip(long_prompts, encoded, strict=True):
        assert found.lengths.get(prompt.id) == (len(ids) if len(ids) + new_tokens > CONTEXT else None)


def test_a_policy_without_a_limit_reads_everything(
    long_prompts: list[Prompt], cpu_settings: PolicySettings, tiny_folder: Callable[[str], Path]
) -> None:
    found = over_length(cpu_settings, tiny_folder("mamba"), long_prompts, 100)
    assert found.context is None
    assert found.lengths == {}


def test_a_chat_too_long_to_score_has_no_number_and_the_others_keep_theirs(
    prompts: list[Prompt], long_prompts: list[Prompt], tiny_policy: Callable[[str], LoadedPolicy]
) -> None:
    scorer = PolicyScorer(tiny_policy("llama"))
    chats = [prompt.messages for prompt in long_prompts]
    chats.insert(0, chats.pop())
    labels = scorer.label_logprobs(chats, ["A", "B"], 4096)
    answers = scorer.answer_logprobs(chats, ["Yes."] * len(chats), 4096)
    assert np.isnan(labels[0]).all()
    assert np.isnan(answers[0])
    assert np.isfinite(labels[1:]).all()
    assert np.isfinite(answers[1:]).all()
    alone = [prompt.messages for prompt in prompts]
    np.testing.assert_allclose(
        labels[1 : len(prompts) + 1], scorer.label_logprobs(alone, ["A", "B"], 4096), rtol=1e-4
    )


def test_chats_that_are_all_too_long_are_no_error(
    long_prompts: list[Prompt], tiny_policy: Callable[[str], LoadedPolicy]
) -> None:
    scorer = PolicyScorer(tiny_policy("llama"))
    assert np.isnan(scorer.label_logprobs([long_prompts[-1].messages] * 2, ["A", "B"], 4096)).all()
