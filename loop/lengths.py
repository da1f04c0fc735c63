"""The prompts a run can use: those that leave its policy room for a whole answer.

Longer ones are left out before the first round, counted and said: cut silently they would be other prompts, and met
half-way they would end the run. What is too long for a judge is another matter (it may read more or less than
the policy) and shows as an unscored verdict with that reason.
"""

from dataclasses import replace
from pathlib import Path

from loop.config import RunConfig
from loop.errors import ConfigError
from policy.lengths import over_length
from prompts.sets import PromptSet
from store.records import Checkpoint

OVER_LENGTH = "over length"
"""The reason under which `PromptSet.skipped` counts them."""


def within_reach(prompts: PromptSet, config: RunConfig, policy: Checkpoint) -> PromptSet:
    """`prompts` without those that leave less than `sampler.max_new_tokens` of what `policy` reads.

    Raises ConfigError where nothing is left of a split.
    """
    room = config.sampler.max_new_tokens
    found = over_length(config.policy, Path(policy.path), [*prompts.train, *prompts.heldout], room)
    if not found.lengths:
        return prompts
    train = tuple(prompt for prompt in prompts.train if prompt.id not in found.lengths)
    heldout = tuple(prompt for prompt in prompts.heldout if prompt.id not in found.lengths)
    for split, kept, all_of_it in (("train", train, prompts.train), ("held-out", heldout, prompts.heldout)):
        if not kept:
            shortest = min(found.lengths[prompt.id] for prompt in all_of_it)
            raise ConfigError(
                f"sampler.max_new_tokens: {room} new tokens leave no room for any {split} prompt: the policy reads "
                f"{found.context} tokens and the shortest prompt has {shortest}. Lower it, or use shorter prompts."
            )
    skipped = {**prompts.skipped, OVER_LENGTH: len(found.lengths)}
    return replace(prompts, train=train, heldout=heldout, skipped=skipped)
