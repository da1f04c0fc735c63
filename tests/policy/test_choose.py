"""One uniform number decides one token, with the right probabilities."""

import numpy as np
import pytest
import torch

from policy.choose import choose
from policy.draws import sample_seed, settings_hash, uniforms
from policy.settings import SamplerSettings


def frequencies(logits: torch.Tensor, temperature: float, top_p: float, grid: int = 20_000) -> torch.Tensor:
    """How often each token is chosen as the draw runs evenly through [0, 1)."""
    draws = (torch.arange(grid, dtype=torch.float64) + 0.5) / grid
    tokens, _ = choose(logits.expand(grid, -1), draws, temperature, top_p)
    return torch.bincount(tokens, minlength=len(logits)).double() / grid


def test_tokens_come_as_often_as_their_probability_says() -> None:
    logits = torch.tensor([0.3, -1.0, 2.0, 0.0, -30.0])
    for temperature in (0.5, 1.0, 1.7):
        expected = torch.softmax(logits.double() / temperature, -1)
        torch.testing.assert_close(frequencies(logits, temperature, 1.0), expected, atol=1e-4, rtol=0)


def test_top_p_keeps_the_smallest_likely_set() -> None:
    probabilities = torch.tensor([0.1, 0.4, 0.3, 0.2])
    found = frequencies(probabilities.log(), 1.0, 0.6)
    torch.testing.assert_close(found, torch.tensor([0.0, 4 / 7, 3 / 7, 0.0]).double(), atol=1e-4, rtol=0)
    assert frequencies(probabilities.log(), 1.0, 0.3)[1] == 1.0


def test_temperature_zero_takes_the_likeliest() -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0], [5.0, 3.0, 2.0]])
    tokens, _ = choose(logits, torch.tensor([0.99, 0.0]), 0.0, 0.5)
    assert tokens.tolist() == [1, 0]


def test_a_token_without_probability_is_never_chosen() -> None:
    logits = torch.tensor([-torch.inf, 0.0, -torch.inf, 1.0, -torch.inf])
    for draw in (0.0, 1e-300, 0.5, np.nextafter(1.0, 0.0)):
        [token], _ = choose(logits.unsqueeze(0), torch.tensor([draw]), 1.0, 1.0)
        assert int(token) in {1, 3}


def test_log_probabilities_are_those_of_temperature_one() -> None:
    logits = torch.randn(6, 50, generator=torch.Generator().manual_seed(0))
    tokens, logprobs = choose(logits, torch.linspace(0, 0.99, 6), 0.3, 0.5)
    torch.testing.assert_close(logprobs, torch.log_softmax(logits, -1).gather(1, tokens[:, None])[:, 0])


def test_streams_differ_by_seed_and_longer_ones_begin_alike() -> None:
    seeds = {
        sample_seed(0, r, p, n, i) for r in (0, 1) for p in ("train", "gate") for n in "ab" for i in (0, 1)
    }
    assert len(seeds) == 16
    assert not np.allclose(uniforms(1, 8), uniforms(2, 8))
    np.testing.assert_array_equal(uniforms(1, 8), uniforms(1, 20)[:8])


@pytest.mark.parametrize(
    ("change", "same"),
    [({"shard_prompts": 7}, True), ({"top_p": 0.9}, False), ({"max_new_tokens": 9}, False)],
)
def test_the_hash_of_the_settings_changes_with_what_decides_the_samples(
    change: dict[str, object], same: bool
) -> None:
    assert (settings_hash(SamplerSettings()) == settings_hash(SamplerSettings(**change))) is same
