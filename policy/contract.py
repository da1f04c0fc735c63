"""What the loop needs of a policy: samples, label scores, likelihoods, and a trained successor."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from policy.settings import PolicySettings, TrainSettings
from prompts.settings import Settings
from store.records import Checkpoint, Message, Prompt, Purpose, Sample

Progress = Callable[[int], None]
"""Called with the number of units finished since the last call."""


class Sampler(Protocol):
    @property
    def revision(self) -> str: ...

    def sample(
        self, prompts: Iterable[Prompt], k: int, seed: int, *, round: int = 0, purpose: Purpose = "train"
    ) -> Iterator[Sample]:
        """`k` samples of each prompt, in the order they finish.

        The seed of each sample derives from (seed, round, purpose, prompt, index). The same prompts in the same
        call give the same samples: callers cut the prompts into fixed shards.
        """
        ...


class LabelScorer(Protocol):
    @property
    def revision(self) -> str: ...

    def label_logprobs(
        self, chats: Sequence[Sequence[Message]], labels: Sequence[str], batch_tokens: int
    ) -> NDArray[np.float64]: ...


class AnswerScorer(Protocol):
    """How likely a policy finds given answers: for KL estimates."""

    def answer_logprobs(
        self, chats: Sequence[Sequence[Message]], answers: Sequence[str], batch_tokens: int
    ) -> NDArray[np.float64]:
        """Summed natural-log probability of each answer and its end token, shape (len(chats),)."""
        ...


class TrainJob(Settings):
    """Everything a training process needs, as a file: `python -m policy.train_job JOB.json`."""

    policy: PolicySettings
    train: TrainSettings
    model_path: Path = Field(
        description="The policy the samples came from: where training starts, and the reference."
    )
    parent: str = Field(description="Its revision.")
    pairs_file: Path = Field(description="JSONL in trl's conversational preference format.")
    output_dir: Path = Field(
        description="The finished checkpoint, moved here whole; work files stand beside it."
    )
    metrics_file: Path = Field(description="JSONL, a line per logged step; the store reads it afterwards.")
    tensorboard_dir: Path | None = None
    round: int
    seed: int


class TrainResult(Settings):
    """A finished job: the checkpoint, the logged metrics as (step, name, value), and what it counted.

    `counts` holds at least `trained_pairs`, `over_length` (pairs left out for their length) and `steps`.
    """

    checkpoint: Checkpoint
    metrics: list[tuple[int, str, float]] = Field(default_factory=list)
    counts: dict[str, int | float] = Field(default_factory=dict)


class Trainer(Protocol):
    def train(self, job: TrainJob, progress: Callable[[int, int], None]) -> TrainResult:
        """Run the job in a fresh process and return what it made; `progress(step, steps)` as it goes.

        Resumes a job that was interrupted. Raises `policy.errors.TrainingFailed` with the log's tail.
        """
        ...
