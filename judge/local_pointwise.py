"""A local policy scores one answer at a time: the expected points by the log-probabilities it gives each number.

Nothing is generated. As in `judge.local`, a policy that would rather say something else than a number abstains.
"""

import math
from collections.abc import Iterable, Sequence

from judge.contract import LabelScorer
from judge.local import FEWEST_CHARS, TOO_LONG, Both
from judge.pointwise import Grade, compare_grades, require_points
from judge.presentation import Asides, Presentation, as_answer, present_each
from judge.score import expected_points, label_mass
from judge.scorer_judge import ScorerJudge
from judge.settings import LocalJudgeSettings, shown_chars
from prompts.constitution import Constitution
from prompts.template import JudgeTemplate
from store.records import Comparison, Message, Verdict


class LocalPointwiseJudge(ScorerJudge):
    """Scores each answer. Raises `JudgeSettingsError` for a template that compares, or wants more than a label."""

    def __init__(
        self,
        scorer: LabelScorer,
        template: JudgeTemplate,
        constitution: Constitution,
        settings: LocalJudgeSettings,
    ) -> None:
        super().__init__(scorer, template, constitution, settings)
        require_points(template)

    @property
    def name(self) -> str:
        settings = self._settings
        return (
            f"local-points:{self._scorer.revision}:{self._template.hash[:12]}:{self._constitution.hash[:12]}"
            f":s{settings.score_scale:g}:t{settings.temperature:g}:m{settings.min_label_mass:g}"
            f"{shown_chars(settings)}"
        )

    def _judge(self, comparisons: Sequence[Comparison]) -> list[Verdict]:
        presented = [self._present(c, self._settings.answer_chars) for c in comparisons]
        grades = self._grades(p for both in presented for p in both)
        for n, comparison in enumerate(comparisons):
            presented[n] = self._readable(comparison, presented[n], grades)
        return [
            compare_grades(
                comparison,
                both,
                (grades[both[0].hash], grades[both[1].hash]),
                self._settings.score_scale * self._settings.temperature,
                judge=self.name,
                template=self._template.hash,
                constitution=self._constitution.hash,
            )
            for comparison, both in zip(comparisons, presented, strict=True)
        ]

    def _present(self, comparison: Comparison, answer_chars: int) -> Both:
        return present_each(
            comparison, self._template, self._constitution, answer_chars, Asides.of(comparison.prompt)
        )

    def _grades(self, presentations: Iterable[Presentation]) -> dict[str, Grade]:
        """By the hash of the prompt: an answer that several comparisons share is one prompt, asked about once."""
        chats: dict[str, tuple[Message, ...]] = {p.hash: p.messages for p in presentations}
        rows = self._scorer.label_logprobs(
            list(chats.values()), self._template.replies, self._settings.batch_tokens
        )
        return {
            hash: self._grade([float(value) for value in row]) for hash, row in zip(chats, rows, strict=True)
        }

    def _readable(self, comparison: Comparison, both: Both, grades: dict[str, Grade]) -> Both:
        """Each answer cut in half, and in half again, until the policy can read it; `grades` gains what it got then.

        An answer must not get out of being judged by its length.
        """
        longest = max(len(as_answer(s.text)) for s in (comparison.first, comparison.second))
        chars = min(longest, self._settings.answer_chars)
        while any(grades[p.hash].unscored == TOO_LONG for p in both) and chars > FEWEST_CHARS:
            chars = max(chars // 2, FEWEST_CHARS)
            shorter = self._present(comparison, chars)
            both = (
                shorter[0] if grades[both[0].hash].unscored == TOO_LONG else both[0],
                shorter[1] if grades[both[1].hash].unscored == TOO_LONG else both[1],
            )
            grades |= self._grades(p for p in both if p.hash not in grades)
        return both

    def _grade(self, logprobs: list[float]) -> Grade:
        raw = {
            "labels": self._template.replies,
            "logprobs": [value if math.isfinite(value) else None for value in logprobs],
        }
        if any(math.isnan(value) for value in logprobs):
            return Grade(None, unscored=TOO_LONG, raw=raw)
        if not all(math.isfinite(value) for value in logprobs):
            return Grade(None, unscored="the policy gave a label no finite log-probability", raw=raw)
        mass = label_mass(logprobs)
        if mass < self._settings.min_label_mass:
            reason = f"label mass {mass:.3g} is below {self._settings.min_label_mass:g}"
            return Grade(None, mass, reason, raw)
        return Grade(expected_points(logprobs, self._template.points), mass, raw=raw)
