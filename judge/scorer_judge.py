"""What judges have in common that read a local policy's label log-probabilities: what they hold, and how they go on.

Floating-point results depend on the batch: the same comparisons in the same call give the same verdicts, so callers
that resume must cut their comparisons into fixed groups.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import islice

from judge.contract import LabelScorer
from judge.errors import JudgeSettingsError
from judge.settings import LocalJudgeSettings
from prompts.constitution import Constitution
from prompts.template import JudgeTemplate
from store.records import Comparison, Verdict

_CHUNK = 512
"""Comparisons in memory at once: enough for the scorer to sort by length, little enough to forget."""


class ScorerJudge(ABC):
    """Judges by `scorer`'s label log-probabilities. Raises `JudgeSettingsError` where replies are no bare labels."""

    def __init__(
        self,
        scorer: LabelScorer,
        template: JudgeTemplate,
        constitution: Constitution,
        settings: LocalJudgeSettings,
    ) -> None:
        require_label_replies(template)
        self._scorer = scorer
        self._template = template
        self._constitution = constitution
        self._settings = settings

    @property
    @abstractmethod
    def name(self) -> str:
        """Judge, model revision and settings."""

    async def compare(self, comparisons: Iterable[Comparison]) -> AsyncIterator[Verdict]:
        """One verdict for each comparison, in the order given. The scorer works in a thread."""
        waiting = iter(comparisons)
        while chunk := list(islice(waiting, _CHUNK)):
            for verdict in await asyncio.to_thread(self._judge, chunk):
                yield verdict

    @abstractmethod
    def _judge(self, comparisons: Sequence[Comparison]) -> list[Verdict]:
        """The verdicts on a chunk."""


def require_label_replies(template: JudgeTemplate) -> None:
    """Raise `JudgeSettingsError` unless the template asks for a bare label."""
    if template.reply != "label":
        raise JudgeSettingsError(
            f"judge.template: {template.name!r} asks for replies in {template.reply}, but a local judge reads the "
            "probability of a bare label. Use a template with `reply: label`, such as pairwise."
        )
