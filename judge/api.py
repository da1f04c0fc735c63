"""An external model as judge, behind any OpenAI-compatible address.

Each comparison is asked in both presentation orders. Where the server gives log-probabilities, one answer an order
is a soft verdict; where it does not, `votes` separate answers are counted. A reply that cannot be read is sent
back once with the reason; after that the vote is lost, and a verdict whose votes are mostly lost is unscored.
"""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from string import Template
from typing import Any
from urllib.parse import urlsplit

import httpx

from judge.completion import Completion
from judge.endpoint import Endpoint, Session
from judge.errors import JudgeSettingsError
from judge.failures import GaveUp
from judge.features import Features
from judge.paid_calls import PaidCalls
from judge.pool import work_through
from judge.presentation import Presentation, present
from judge.reading import Reading, average, lowest_mass
from judge.reply import Reply, Unreadable, label_logprobs, read_reply, reply_schema
from judge.settings import ApiJudgeSettings, shown_chars
from prompts.constitution import Constitution
from prompts.hashing import content_hash
from prompts.shipped import read_named
from prompts.template import JudgeTemplate
from store.records import Comparison, Message, Usage, Verdict


@dataclass
class _Record:
    """What one comparison has cost and brought so far, kept whatever becomes of it."""

    replies: list[dict[str, Any]] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None

    def add(self, completion: Completion, shown_first: bool) -> None:
        spent = 0.0 if self.calls == 0 else self.cost_usd
        # The price of one call unknown is the price of all unknown.
        self.cost_usd = None if spent is None or completion.cost_usd is None else spent + completion.cost_usd
        self.calls += 1
        self.input_tokens += completion.input_tokens
        self.output_tokens += completion.output_tokens
        self.replies.append(
            {
                "first_shown_first": shown_first,
                "text": completion.text,
                "finish_reason": completion.finish_reason,
            }
        )


class ApiJudge:
    """Judges by asking the model of `settings`, at most `settings.concurrency` requests at a time.

    `calls` is where answers are kept and paid (`judge.paid_calls.paid_calls`; default: nowhere, without a limit).
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
    ) -> None:
        require_different_votes(settings)
        self._settings = settings
        self._template = template
        self._constitution = constitution
        self._repair = read_named("repair request", "repair", (".txt",), template.reply)[2]
        self._endpoint = Endpoint(
            settings, Features.first(settings, template.reply), reply_schema(template), http_transport, calls
        )

    @property
    def name(self) -> str:
        asked = self._settings.model_dump(
            include={"base_url", "temperature", "votes", "max_tokens", "structured", "logprobs"}
        )
        digest = content_hash(json.dumps([asked, self._repair], sort_keys=True))
        host = urlsplit(self._settings.base_url).netloc.rpartition("@")[2]
        return (
            f"api:{self._settings.model}@{host}:{self._template.hash[:12]}:{self._constitution.hash[:12]}"
            f":{digest[:12]}{shown_chars(self._settings)}"
        )

    async def compare(self, comparisons: Iterable[Comparison]) -> AsyncIterator[Verdict]:
        """One verdict for each comparison, as they arrive. Raises `JudgeStopped` where none can follow."""
        async with self._endpoint.session() as session:

            async def judge(comparison: Comparison) -> Verdict:
                return await self._judge(session, comparison)

            # A worker asks one thing at a time, so workers are requests in flight.
            async with aclosing(work_through(comparisons, judge, self._settings.concurrency)) as verdicts:
                async for verdict in verdicts:
                    yield verdict

    async def _judge(self, session: Session, comparison: Comparison) -> Verdict:
        presented = present(comparison, self._template, self._constitution, self._settings.answer_chars)
        record = _Record()
        readings: list[Reading] = []
        unscored = None
        for presentation in presented:
            try:
                readings.append(await self._read_order(session, presentation, record))
            except (GaveUp, Unreadable) as failure:
                unscored = str(failure)
                break
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
            label_mass=lowest_mass(*both) if both else None,
            rationale="\n\n".join(record.reasoning),
            raw=json.dumps(record.replies),
            usage=Usage(
                calls=record.calls,
                input_tokens=record.input_tokens,
                output_tokens=record.output_tokens,
                cost_usd=record.cost_usd,
            ),
            unscored=unscored,
        )

    async def _read_order(self, session: Session, presentation: Presentation, record: _Record) -> Reading:
        """One order's reading: soft from the first answer where it can be, else from all votes.

        Raises `Unreadable` where no more than half of the votes could be read.
        """
        counts = [0, 0]
        lost: Unreadable | None = None
        for vote in range(self._settings.votes):
            try:
                completion, reply = await self._vote(session, presentation, record, vote)
            except Unreadable as unreadable:
                lost = unreadable
                continue
            if not sum(counts) and reply.reasoning:
                slot = "first" if presentation.first_shown_first else "second"
                record.reasoning.append(f"[first sample shown {slot}] {reply.reasoning}")
            if vote == 0:
                logprobs = label_logprobs(
                    completion.tokens, lambda text: read_reply(text, self._template), self._template.labels
                )
                if logprobs is not None:
                    record.replies[-1]["label_logprobs"] = logprobs
                    return Reading.of_logprobs(presentation, logprobs)
            counts[reply.slot] += 1
        if lost is not None and 2 * sum(counts) <= self._settings.votes:
            raise lost
        return Reading.of_votes(presentation, (counts[0], counts[1]))

    async def _vote(
        self, session: Session, presentation: Presentation, record: _Record, vote: int
    ) -> tuple[Completion, Reply]:
        """One readable answer, after one repair at most. Raises `Unreadable`, or `GaveUp` where the model refuses."""
        chat = presentation.messages
        completion = await self._ask(session, chat, presentation, record, vote)
        try:
            return completion, read_reply(completion.text, self._template)
        except Unreadable as unreadable:
            request = Template(self._repair).substitute(
                reason=unreadable, first=self._template.labels[0], second=self._template.labels[1]
            )
            replied = (
                Message(role="assistant", content=completion.text),
                Message(role="user", content=request.strip()),
            )
        completion = await self._ask(session, (*chat, *replied), presentation, record, vote)
        try:
            return completion, read_reply(completion.text, self._template)
        except Unreadable as unreadable:
            cut = ", and it was cut at max_tokens" if completion.finish_reason == "length" else ""
            raise Unreadable(f"unreadable reply, twice: {unreadable}{cut}") from unreadable

    async def _ask(
        self,
        session: Session,
        chat: tuple[Message, ...],
        presentation: Presentation,
        record: _Record,
        vote: int,
    ) -> Completion:
        completion = await session.ask(chat, vote, self._readable)
        record.add(completion, presentation.first_shown_first)
        if completion.finish_reason == "content_filter":
            raise GaveUp("the reply was stopped by a content filter")
        if completion.refusal:
            raise GaveUp("the judge refused to judge")
        return completion

    def _readable(self, completion: Completion) -> bool:
        """Whether the reply is a vote: no other is kept for later."""
        if completion.finish_reason == "content_filter" or completion.refusal:
            return False
        try:
            read_reply(completion.text, self._template)
        except Unreadable:
            return False
        return True


def require_different_votes(settings: ApiJudgeSettings) -> None:
    """Raise `JudgeSettingsError` for several votes at temperature 0."""
    if settings.votes > 1 and settings.temperature == 0.0:
        raise JudgeSettingsError(
            f"judge.votes: {settings.votes} votes at temperature 0 are one vote {settings.votes} times. Set "
            "judge.temperature above 0 (or null, the server's own), or judge.votes to 1."
        )
