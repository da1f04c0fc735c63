"""The starter's sizes, steps and rates: the one place to change how much is learnt, and how fast.

Many small steps: on so small a model, four times the steps on batches a quarter the size learn twice the facts
for the same work.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Recipe:
    """Sizes of the model, and for each stage how many optimizer steps it takes; a step sees `batch_tokens`.

    In the judging stage every `rehearse_every`-th step goes on teaching instructions.
    """

    hidden: int = 128
    layers: int = 4
    heads: int = 4
    inner: int = 384
    vocabulary: int = 1024
    longest: int = 512
    seed: int = 0

    pretrain_steps: int = 400
    instruct_steps: int = 300
    judge_steps: int = 1400
    rehearse_every: int = 4
    batch_tokens: int = 768
    learning_rate: float = 3e-3
    warmup_steps: int = 40

    def shortened(self, steps: int) -> "Recipe":
        """The same recipe with `steps` optimizer steps in each stage: barely trained, for tests."""
        return replace(self, pretrain_steps=steps, instruct_steps=steps, judge_steps=steps, warmup_steps=1)

    @property
    def steps(self) -> int:
        return self.pretrain_steps + self.instruct_steps + self.judge_steps
