"""The starter's sizes, steps and rates: the one place to change how much is learnt, and how fast."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Sizes of the model, and for each stage how many optimizer steps; a step sees `*_rows` rows."""

    hidden: int = 128
    layers: int = 4
    heads: int = 4
    inner: int = 384
    vocabulary: int = 768
    seed: int = 0

    pretrain_steps: int = 100
    pretrain_rows: int = 32
    row_tokens: int = 96
    instruct_steps: int = 150
    judge_steps: int = 450
    instruct_rows: int = 48
    judge_rows: int = 64
    learning_rate: float = 3e-3
    warmup_steps: int = 30

    def shortened(self, steps: int) -> "Recipe":
        """The same recipe with `steps` optimizer steps in each stage: barely trained, for tests."""
        return Recipe(
            **{
                **self.__dict__,
                "pretrain_steps": steps,
                "instruct_steps": steps,
                "judge_steps": steps,
                "warmup_steps": 1,
            }
        )

    @property
    def steps(self) -> int:
        return self.pretrain_steps + self.instruct_steps + self.judge_steps
