"""How likely a policy finds given words: labels after a chat (a judge's verdict), and whole answers (KL estimates)."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from policy.model import LoadedPolicy
from policy.reader import Reader, Row
from store.records import Message


class PolicyScorer:
    """A `LabelScorer` and an `AnswerScorer` (see `policy.contract`) on a loaded policy."""

    def __init__(self, policy: LoadedPolicy) -> None:
        self._policy = policy
        self._reader = Reader(policy)

    @property
    def revision(self) -> str:
        return self._policy.revision

    def label_logprobs(
        self, chats: Sequence[Sequence[Message]], labels: Sequence[str], batch_tokens: int
    ) -> NDArray[np.float64]:
        """Natural-log probability of each label as the start of the reply, shape (len(chats), len(labels)).

        A label of several tokens has the sum of theirs. Labels are encoded as they continue the chat's text, so " A"
        and "A" are what they look like. `batch_tokens` bounds the padded tokens of a batch. Raises
        `ChatTemplateError` for a label that does not start at a token boundary. A chat that does not fit the model's
        context has a row of NaN: it cannot be scored, and the others are not lost with it.
        """
        if not chats:
            return np.empty((0, len(labels)))
        texts = self._policy.chats.render(chats)
        prompts = self._policy.chats.encode(chats, texts, quoted=True)
        label_ids = self._policy.chats.label_ids(texts, labels)
        if all(len(ids) == 1 for ids in label_ids):
            alternatives = tuple(ids[0] for ids in label_ids)
            rows = [Row(tuple(prompt), alternatives, single=True) for prompt in prompts]
            return np.array(self._score(rows, batch_tokens))
        rows = [Row((*prompt, *ids[:-1]), tuple(ids)) for prompt in prompts for ids in label_ids]
        sums = [sum(values) for values in self._score(rows, batch_tokens)]
        return np.array(sums).reshape(len(prompts), len(labels))

    def answer_logprobs(
        self, chats: Sequence[Sequence[Message]], answers: Sequence[str], batch_tokens: int
    ) -> NDArray[np.float64]:
        """Summed natural-log probability of each answer and its end token, shape (len(chats),).

        NaN for a chat that does not fit the model's context with its answer.
        """
        prompts, answer_ids = self._policy.chats.answer_ids(chats, answers)
        rows = [Row((*p, *a[:-1]), tuple(a)) for p, a in zip(prompts, answer_ids, strict=True)]
        return np.array([sum(values) for values in self._score(rows, batch_tokens)], dtype=np.float64)

    def _score(self, rows: Sequence[Row], batch_tokens: int) -> list[list[float]]:
        """For each row the log-probabilities of its targets; NaN for a row longer than the context."""
        context = self._policy.context
        fitting = [context is None or len(row.ids) <= context for row in rows]
        found = iter(
            self._reader.read([row for row, fits in zip(rows, fitting, strict=True) if fits], batch_tokens)
        )
        return [
            next(found) if fits else [math.nan] * len(row.targets)
            for row, fits in zip(rows, fitting, strict=True)
        ]
