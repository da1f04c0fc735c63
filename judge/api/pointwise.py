"""An external model scores one answer at a time: expected points by log-probabilities, or the mean of several votes.

Requests go out as in `judge.api.judge`, by the same cache and budget. Each answer to a prompt is scored once in a call,
however many comparisons it is in; its cost stands in the verdict that asked first.
"""

import asyncio

from judge.api.failures import GaveUp
from judge.api.judge import ApiJudge, OpenCall
from judge.api.reply import Unreadable
from judge.api.usage import total
from judge.api.voting import CallRecord, Heard
from judge.pointwise import Grade, compare_grades, require_points
from judge.presentation import Presentation, present_each
from judge.score import expected_points, label_mass, mean_points
from prompts.template import JudgeTemplate
from store.records import Comparison, Verdict


class ApiPointwiseJudge(ApiJudge):
    """As `ApiJudge`, with a pointwise template; raises what it raises."""

    def _require(self, template: JudgeTemplate) -> None:
        require_points(template)

    @property
    def name(self) -> str:
        return f"{super().name}:s{self._settings.score_scale:g}"

    async def _judge(self, call: OpenCall, comparison: Comparison) -> Verdict:
        record = CallRecord()
        asides, unscored = await self._asides(call, comparison, record)
        presented = present_each(
            comparison, self._template, self._constitution, self._settings.answer_chars, asides
        )
        records = [record]
        if unscored is not None:
            grades = Grade(None, unscored=unscored), Grade(None, unscored=unscored)
        else:
            # At the same time, so that both are in one batch where requests go off in batches.
            grades = await asyncio.gather(
                self._grade(call, presented[0], records), self._grade(call, presented[1], records)
            )
        return compare_grades(
            comparison,
            presented,
            grades,
            self._settings.score_scale,
            judge=self.name,
            template=self._template.hash,
            constitution=self._constitution.hash,
            usage=total(each.usage for each in records),
        )

    async def _grade(self, call: OpenCall, presentation: Presentation, records: list[CallRecord]) -> Grade:
        async def ask() -> Grade:
            record = CallRecord()
            records.append(record)
            try:
                heard = await self._voting.hear(call.session, presentation.messages, record, {})
            except (GaveUp, Unreadable) as failure:
                return Grade(None, unscored=str(failure), raw=record.replies)
            return self._graded(heard, record.replies)

        return await call.grades.get(presentation.hash, ask)

    def _graded(self, heard: Heard, raw: list[dict[str, object]]) -> Grade:
        points = self._template.points
        if heard.logprobs is None:
            return Grade(mean_points(heard.counts, points), raw=raw, rationale=heard.reasoning)
        return Grade(
            expected_points(heard.logprobs, points),
            label_mass=label_mass(heard.logprobs),
            raw=raw,
            rationale=heard.reasoning,
        )
