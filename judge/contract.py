"""What every judge is, and what a local judge needs of a policy."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from store.records import Comparison, Message, Verdict


class Judge(Protocol):
    """Turns comparisons into verdicts.

    `name` is the judge's identity: it changes whenever its verdicts could (model revision, template,
    constitution, settings).
    """

    @property
    def name(self) -> str: ...

    def compare(self, comparisons: Iterable[Comparison]) -> AsyncIterator[Verdict]:
        """One verdict for each comparison, in any order, as they arrive; failures as unscored verdicts.

        Raises `judge.errors.JudgeStopped` where going on is pointless (wrong key, unknown model).
        """
        ...


@runtime_checkable
class LabelScorer(Protocol):
    """A policy seen as something that can say how likely a label is after a chat."""

    @property
    def revision(self) -> str: ...

    def label_logprobs(
        self, chats: Sequence[Sequence[Message]], labels: Sequence[str], batch_tokens: int
    ) -> NDArray[np.float64]:
        """Natural-log probabilities, shape (len(chats), len(labels)), of each label as the start of the reply.

        A row of NaN for a chat that cannot be scored (longer than the policy reads): one comparison is then
        unscored, and the others are not lost with it.
        """
        ...
