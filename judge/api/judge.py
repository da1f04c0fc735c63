"""An external model as judge, behind any OpenAI-compatible address.

Each comparison is asked in both presentation orders. Where the server gives log-probabilities, one answer an order
is a soft verdict; where it does not, `votes` separate answers are counted. A reply that cannot be read is sent
back once with the reason; after that the vote is lost, and a verdict whose votes are mostly lost is unscored.
"""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

import httpx

from judge.api.activity import Activity
from judge.api.criteria import AsideSession, AsideWriter
from judge.api.endpoint import Endpoint, Session
from judge.api.endpoint_features import EndpointFeatures
from judge.api.failures import GaveUp
from judge.api.first_features import decision_endpoint, first_features
from judge.api.once import Once
from judge.api.paid_calls import PaidCalls
from judge.api.pool import work_through
from judge.api.reply import Unreadable, reply_schema
from judge.api.voting import CallRecord, Heard, Voting
from judge.errors import JudgeSettingsError
from judge.pointwise import Grade, require_pairs
from judge.presentation import Asides, Presentation, present
from judge.reading import Reading, average, average_tie, lowest_mass
from judge.settings import ApiJudgeSettings, shown_chars
from prompts.constitution import Constitution
from prompts.hashing import content_hash
from prompts.template import JudgeTemplate
from store.records import Comparison, Verdict


@dataclass(frozen=True)
class OpenCall:
    """What the comparisons of one call share: connections, what was written for a prompt, what an answer got."""

    session: Session
    asides: AsideSession
    grades: Once[Grade]


class ApiJudge:
    """Judges by asking the model of `settings`, at most `settings.concurrency` requests at a time.

    `known` is what a probe found out about the endpoint (`judge.api.probe`), for the first request to start from.
    `calls` is where answers are kept and paid (`judge.api.opened_calls.open_calls`; default: nowhere, without a limit).
    `http_transport` replaces the network, for tests. Raises `JudgeSettingsError` without a key for a server that is
    not on this machine, and for several votes at temperature 0, which would be one vote several times.
    """

    def __init__(
        self,
        settings: ApiJudgeSettings,
        template: JudgeTemplate,
        constitution: Constitution,
        http_transport: httpx.AsyncBaseTransport | None = None,
        calls: PaidCalls | None = None,
        known: EndpointFeatures | None = None,
    ) -> None:
        require_different_votes(settings)
        self._require(template)
        self._settings = settings
        self._template = template
        self._constitution = constitution
        self._voting = Voting(template, settings.votes)
        self._writer = AsideWriter(settings, template, constitution, http_transport, calls)
        self._decisions = decision_endpoint(settings, template, known)
        features = first_features(settings, template, known, self._decisions)
        self._endpoint = Endpoint(
            settings, features, reply_schema(template), http_transport, calls, self._decisions
        )

    @property
    def activity(self) -> Activity:
        """What it is doing and has done."""
        return self._endpoint.activity

    @cached_property
    def name(self) -> str:
        asked = self._settings.model_dump(
            include={"base_url", "temperature", "votes", "max_tokens", "structured", "logprobs"}
        ) | self._settings.model_dump(include={"reasoning_tokens", "reasoning_effort"}, exclude_defaults=True)
        if self._decisions:
            asked["decisions"] = self._decisions.dialect
        digest = content_hash(json.dumps([asked, self._voting.repair], sort_keys=True))
        host = urlsplit(self._settings.base_url).netloc.rpartition("@")[2]
        return (
            f"api:{self._settings.model}@{host}:{self._template.hash[:12]}:{self._constitution.hash[:12]}"
            f":{digest[:12]}{shown_chars(self._settings)}{self._writer.name}"
        )

    async def compare(self, comparisons: Iterable[Comparison]) -> AsyncIterator[Verdict]:
        """One verdict for each comparison, as they arrive. Raises `JudgeStopped` where none can follow."""
        async with self._endpoint.session() as session, self._writer.session() as asides:
            call = OpenCall(session, asides, Once())

            async def judge(comparison: Comparison) -> Verdict:
                return await self._judge(call, comparison)

            # A worker asks one thing at a time. Some of them wait for another attempt, so there are more workers
            # than requests may be in flight.
            width = self._settings.concurrency + self._settings.concurrency // 2
            if self._settings.delivery == "batch":
                width = self._settings.batch.requests // 2  # a request for each presentation order
            async with aclosing(work_through(comparisons, judge, width)) as verdicts:
                async for verdict in verdicts:
                    yield verdict

    def _require(self, template: JudgeTemplate) -> None:
        require_pairs(template)

    async def _asides(
        self, call: OpenCall, comparison: Comparison, record: CallRecord
    ) -> tuple[Asides, str | None]:
        """What stands beside the answers, and why it cannot be had where it cannot."""
        try:
            return await call.asides.of(comparison.prompt, record), None
        except GaveUp as failure:
            return Asides.of(comparison.prompt), str(failure)

    async def _judge(self, call: OpenCall, comparison: Comparison) -> Verdict:
        record = CallRecord()
        asides, unscored = await self._asides(call, comparison, record)
        presented = present(
            comparison, self._template, self._constitution, self._settings.answer_chars, asides
        )
        reasoning: list[str] = []
        readings: list[Reading] = []
        if unscored is None:
            await self._voting.foresee(call.session, [p.messages for p in presented])
        for presentation in presented if unscored is None else ():
            shown_first = presentation.first_shown_first
            try:
                heard = await self._voting.hear(
                    call.session, presentation.messages, record, {"first_shown_first": shown_first}
                )
            except (GaveUp, Unreadable) as failure:
                unscored = str(failure)
                break
            readings.append(_reading(presentation, heard))
            if heard.reasoning:
                reasoning.append(
                    f"[first sample shown {'first' if shown_first else 'second'}] {heard.reasoning}"
                )
        both = (readings[0], readings[1]) if len(readings) == 2 else None
        return Verdict(
            comparison_id=comparison.id,
            judge=self.name,
            template=self._template.hash,
            constitution=self._constitution.hash,
            prompt_hashes=tuple(p.hash for p in presented),
            prompt_texts=tuple(p.text for p in presented),
            p_first=average(*both) if both else None,
            p_first_shown_first=readings[0].p_first if readings else None,
            p_first_shown_second=readings[1].p_first if both else None,
            # A decision's probabilities are of the labels alone: what else the model would have said is not known.
            label_mass=lowest_mass(*both) if both and not self._decisions else None,
            p_tie=average_tie(*both) if both else None,
            rationale="\n\n".join(reasoning),
            raw=json.dumps(record.replies),
            usage=record.usage,
            unscored=unscored,
        )


def _reading(presentation: Presentation, heard: Heard) -> Reading:
    if heard.logprobs is not None:
        return Reading.of_logprobs(presentation, heard.logprobs)
    return Reading.of_votes(presentation, heard.counts)


def require_different_votes(settings: ApiJudgeSettings) -> None:
    """Raise `JudgeSettingsError` for several votes at temperature 0."""
    if settings.votes > 1 and settings.temperature == 0.0:
        raise JudgeSettingsError(
            f"judge.votes: {settings.votes} votes at temperature 0 are one vote {settings.votes} times. Set "
            "judge.temperature above 0 (or null, the server's own), or judge.votes to 1."
        )
