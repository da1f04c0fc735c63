"""A local policy as judge: the log-probabilities it gives the two labels, in both presentation orders.

Nothing is generated, so a verdict costs two forward passes over the prompt and is soft by nature. What is lost is
reasoning before the verdict, which small models do badly anyway. The model is whatever the scorer holds: the
round's own policy, the policy the run started from, or another.

Where a policy would rather say something else than either label, the ratio of two tiny probabilities is noise,
and the judge abstains.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

from judge.contract import LabelScorer
from judge.pointwise import require_pairs
from judge.presentation import Asides, Presentation, as_answer, present
from judge.reading import Reading, average, average_tie, lowest_mass
from judge.scorer_judge import ScorerJudge
from judge.settings import LocalJudgeSettings, shown_chars
from prompts.constitution import Constitution
from prompts.template import JudgeTemplate
from store.records import Comparison, Verdict

FEWEST_CHARS = 100
"""An answer is not cut below this: what is left would not be the answer any more."""

Both = tuple[Presentation, Presentation]
Logprobs = tuple[tuple[float, ...], tuple[float, ...]]

TOO_LONG = "the comparison is longer than the policy that judges reads"
"""Why a comparison is unscored whose label log-probabilities are not numbers (see `judge.contract.LabelScorer`)."""


class LocalJudge(ScorerJudge):
    """Compares two answers. Raises `JudgeSettingsError` for a template that scores, or asks for more than a label."""

    def __init__(
        self,
        scorer: LabelScorer,
        template: JudgeTemplate,
        constitution: Constitution,
        settings: LocalJudgeSettings,
    ) -> None:
        super().__init__(scorer, template, constitution, settings)
        require_pairs(template)

    @property
    def name(self) -> str:
        return (
            f"local:{self._scorer.revision}:{self._template.hash[:12]}:{self._constitution.hash[:12]}"
            f":t{self._settings.temperature:g}:m{self._settings.min_label_mass:g}{shown_chars(self._settings)}"
        )

    def _judge(self, comparisons: Sequence[Comparison]) -> list[Verdict]:
        presented = [self._present(c, self._settings.answer_chars) for c in comparisons]
        read = self._read(presented)
        for n, comparison in enumerate(comparisons):
            if _too_long(read[n]):
                presented[n], read[n] = self._shortened(comparison, presented[n], read[n])
        return [self._verdict(*each) for each in zip(comparisons, presented, read, strict=True)]

    def _present(self, comparison: Comparison, answer_chars: int) -> Both:
        return present(
            comparison, self._template, self._constitution, answer_chars, Asides.of(comparison.prompt)
        )

    def _read(self, presented: Sequence[Both]) -> list[Logprobs]:
        """The label log-probabilities of both orders, by label."""
        chats = [presentation.messages for both in presented for presentation in both]
        scores = self._scorer.label_logprobs(chats, self._template.replies, self._settings.batch_tokens)
        rows = [tuple(map(float, row)) for row in scores]
        return list(zip(rows[::2], rows[1::2], strict=True))

    def _shortened(self, comparison: Comparison, both: Both, read: Logprobs) -> tuple[Both, Logprobs]:
        """The comparison with half of its longer answer, and half again, until the policy can read it.

        An answer must not get out of being judged by its length. Each is read by itself, so that its verdict depends
        on no other.
        """
        longest = max(len(as_answer(s.text)) for s in (comparison.first, comparison.second))
        chars = min(longest, self._settings.answer_chars)
        while _too_long(read) and chars > FEWEST_CHARS:
            chars = max(chars // 2, FEWEST_CHARS)
            both = self._present(comparison, chars)
            read = self._read([both])[0]
        return both, read

    def _verdict(
        self,
        comparison: Comparison,
        presented: Both,
        logprobs: Logprobs,
    ) -> Verdict:
        kept: dict[str, Any] = {
            "comparison_id": comparison.id,
            "judge": self.name,
            "template": self._template.hash,
            "constitution": self._constitution.hash,
            "prompt_hashes": tuple(p.hash for p in presented),
            "prompt_texts": tuple(p.text for p in presented),
            "raw": json.dumps(
                {
                    "labels": self._template.replies,
                    "logprobs": [[v if math.isfinite(v) else None for v in row] for row in logprobs],
                }
            ),
        }
        if _too_long(logprobs):
            return Verdict(**kept, unscored=TOO_LONG)
        if not all(math.isfinite(value) for row in logprobs for value in row):
            return Verdict(**kept, unscored="the policy gave a label no finite log-probability")
        one, other = (
            Reading.of_logprobs(presentation, row, self._settings.temperature)
            for presentation, row in zip(presented, logprobs, strict=True)
        )
        mass = lowest_mass(one, other)
        kept |= {
            "label_mass": mass,
            "p_first_shown_first": one.p_first,
            "p_first_shown_second": other.p_first,
        }
        if mass is not None and mass < self._settings.min_label_mass:
            reason = f"label mass {mass:.3g} is below {self._settings.min_label_mass:g}"
            return Verdict(**kept, unscored=reason)
        return Verdict(**kept, p_first=average(one, other), p_tie=average_tie(one, other))


def _too_long(logprobs: Logprobs) -> bool:
    return any(math.isnan(value) for row in logprobs for value in row)
