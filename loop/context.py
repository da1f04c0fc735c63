"""What the stages of a round share: configuration, store, prompts, policies, judge, reviewer."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from judge.api.known_endpoints import learn_endpoints
from judge.build import build_judge
from judge.contract import Judge
from judge.settings import JudgeSettings, LocalJudgeSettings
from loop.config import RunConfig
from loop.progress import Progress
from loop.shelf import Shelf
from policy.contract import Sampler, Trainer
from policy.model import LoadedPolicy
from policy.sampler import LocalSampler
from policy.scorer import PolicyScorer
from policy.server import ServerSampler
from prompts.constitution import Constitution
from prompts.prompt import Prompt
from prompts.sets import PromptSet
from review.simulated import SimulatedReviewer
from store.judge_calls import JudgeCalls, sub_account
from store.records import Calibration, Checkpoint
from store.run import RunStore

OwnModel = tuple[str, str | None]
"""A local judge's own model: `policy` and `revision` of its settings."""


@dataclass(frozen=True)
class RunContext:
    """One run, open. `folder` holds its files; `judge_policies` are models that local judges have of their own."""

    config: RunConfig
    store: RunStore
    folder: Path
    prompts: PromptSet
    constitution: Constitution
    shelf: Shelf
    trainer: Trainer
    progress: Progress
    initial: Checkpoint
    judge_policies: Mapping[OwnModel, Checkpoint] = field(default_factory=dict)
    reviewer: SimulatedReviewer | None = None
    calibration: Calibration | None = None

    def load(self, checkpoint: Checkpoint) -> LoadedPolicy:
        return self.shelf.get(checkpoint.id, Path(checkpoint.path))

    @contextmanager
    def sampler(self, checkpoint: Checkpoint) -> Iterator[Sampler]:
        """A sampler of this revision; a server is started for it and stopped afterwards."""
        if self.config.sampler.kind == "local":
            yield LocalSampler(self.load(checkpoint), self.config.sampler)
            return
        server = ServerSampler(
            checkpoint.id, Path(checkpoint.path), self.config.sampler, self.config.policy.template_arguments
        )
        with server:
            yield server

    def judge(self, incumbent: Checkpoint) -> Judge:
        """The judge of a round whose policy is `incumbent`. It is never the candidate."""
        return self._build(self.config.judge, incumbent, self.store.name)

    def shadow(self, incumbent: Checkpoint) -> Judge:
        """The judge that shadows `judge`, for a configuration that has one."""
        assert self.config.shadow is not None, "asked for only where one is configured"
        return self._build(self.config.shadow.judge, incumbent, sub_account(self.store.name, "shadow"))

    def _build(self, settings: JudgeSettings, incumbent: Checkpoint, account: str) -> Judge:
        def scorer(local: LocalJudgeSettings) -> PolicyScorer:
            revisions = {"current": incumbent, "initial": self.initial}
            own = revisions.get(local.policy) or self.judge_policies[local.policy, local.revision]
            return PolicyScorer(self.load(own))

        calls = JudgeCalls(self.store.database)
        learn_endpoints(settings, calls, account)
        return build_judge(settings, scorer, calls=calls, account=account)

    def incumbent(self, index: int) -> Checkpoint:
        """The policy that round `index` starts from: what the last decision before it left in place."""
        revision = self.initial.id
        for decision in self.store.decisions():
            if decision.round < index:
                revision = decision.policy
        checkpoint = self.store.checkpoint(revision)
        assert checkpoint is not None, f"decision names unknown revision {revision}"
        return checkpoint

    def shards(self, prompts: tuple[Prompt, ...]) -> Iterator[tuple[Prompt, ...]]:
        """Fixed groups of prompts: the same ones together however often a run is resumed."""
        size = self.config.sampler.shard_prompts
        for start in range(0, len(prompts), size):
            yield prompts[start : start + size]
