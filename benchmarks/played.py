"""What `benchmarks.round` tells the two processes that play a round, and what they answer."""

from pathlib import Path

from loop.config import RunConfig
from prompts.settings import Settings

RUN = "round"
"""Name of the run that plays our round."""

STAGES = ("sample", "judge", "pair", "train")
"""The stages of ours that the other round has too."""


class Task(Settings):
    """A round to play: the configuration, whose policy is a folder, and a folder for files of its own."""

    config: RunConfig
    folder: Path

    @property
    def model(self) -> Path:
        return Path(self.config.policy.model)

    @property
    def pairs_file(self) -> Path:
        return self.config.output / RUN / "round-01" / "pairs.jsonl"


class OurRound(Settings):
    """Seconds of each stage by name, and what was made in them.

    `sides` maps a comparison's id to whether its first answer was preferred; `tokens` counts end tokens too.
    """

    seconds: dict[str, float]
    tokens: int
    comparisons: int
    pairs: int
    sides: dict[str, bool]

    @property
    def whole(self) -> float:
        return sum(self.seconds[stage] for stage in STAGES)


class PlainRound(Settings):
    """Seconds and counts of each stage. `sides` is as in `OurRound`, `unread` counts replies that name no label."""

    load_seconds: float
    sample_seconds: float
    tokens: int
    judge_seconds: float
    comparisons: int
    unread: int
    sides: dict[str, bool]
    train_seconds: float
    pairs: int

    @property
    def whole(self) -> float:
        return self.load_seconds + self.sample_seconds + self.judge_seconds + self.train_seconds
