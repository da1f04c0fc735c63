"""Fill the store with a policy's answers, shard by shard."""

from collections import Counter

from loop.context import RunContext
from prompts.prompt import Prompt
from store.records import Checkpoint, Purpose


def answer(
    run: RunContext,
    policy: Checkpoint,
    prompts: tuple[Prompt, ...],
    k: int,
    index: int,
    purpose: Purpose,
    title: str,
) -> None:
    """`k` answers of `policy` to each prompt are in the store afterwards.

    A shard counts as done when all its answers are there; one that is not is sampled again whole, which gives
    the same answers. The policy is not even loaded where nothing is missing.
    """
    have = Counter(sample.prompt_id for sample in run.store.samples(index, purpose, policy.id))
    missing = [shard for shard in run.shards(prompts) if any(have[prompt.id] < k for prompt in shard)]
    if not missing:
        return
    with (
        run.sampler(policy) as sampler,
        run.progress.stage(title, len(prompts) * k, "answers") as bar,
    ):
        bar.move_to((len(prompts) - sum(map(len, missing))) * k)
        for shard in missing:
            samples = list(sampler.sample(shard, k, run.config.seed, round=index, purpose=purpose))
            run.store.add_samples(samples)
            bar.advance(len(samples))
