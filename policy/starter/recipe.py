"""The starter's sizes, steps and rates: the one place to change how much is learnt, and how fast.

Many small steps: on so small a model, four times the steps on batches a quarter the size learn twice the facts
for the same work.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Recipe:
    """Sizes of the model, and for each stage how many optimizer steps it takes; a step sees `batch_tokens`.

    A step of the judging stage is two: one on `judge_tokens` of judgements, one on instructions as before.
    """

    hidden: int = 128
    layers: int = 4
    heads: int = 4
    inner: int = 384
    vocabulary: int = 1024
    longest: int = 512
    spread: float = 0.08
    seed: int = 0

    pretrain_steps: int = 500
    instruct_steps: int = 800
    judge_steps: int = 500
    batch_tokens: int = 512
    judge_tokens: int = 2048
    learning_rate: float = 3e-3
    warmup_steps: int = 40

    def shortened(self, steps: int) -> "Recipe":
        """The same recipe with `steps` optimizer steps in each stage: barely trained, for tests."""
        return replace(self, pretrain_steps=steps, instruct_steps=steps, judge_steps=steps, warmup_steps=1)

    @property
    def steps(self) -> int:
        return self.pretrain_steps + self.instruct_steps + 2 * self.judge_steps
