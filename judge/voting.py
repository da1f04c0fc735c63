"""Putting one chat to an external model until it has answered as its template asks, or has failed to.

Where the server gives log-probabilities, the first answer holds the probability of every reply and is enough; where
it does not, `votes` separate answers are counted. A reply that cannot be read is sent back once with the reason; after
that the vote is lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Template
from typing import Any

from judge.completion import Completion
from judge.endpoint import Session
from judge.failures import GaveUp
from judge.reply import Reply, Unreadable, label_logprobs, read_reply
from prompts.shipped import read_named
from prompts.template import JudgeTemplate
from store.records import Message, Usage


@dataclass
class CallRecord:
    """What the calls about one unit have cost and brought so far, kept whatever becomes of it."""

    replies: list[dict[str, Any]] = field(default_factory=list)
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None

    def add(self, completion: Completion, about: Mapping[str, Any]) -> None:
        """`about` says what was asked, beside the reply in `replies`."""
        spent = 0.0 if self.calls == 0 else self.cost_usd
        # The price of one call unknown is the price of all unknown.
        self.cost_usd = None if spent is None or completion.cost_usd is None else spent + completion.cost_usd
        self.calls += 1
        self.input_tokens += completion.input_tokens
        self.output_tokens += completion.output_tokens
        self.replies.append({**about, "text": completion.text, "finish_reason": completion.finish_reason})

    @property
    def usage(self) -> Usage:
        return Usage(
            calls=self.calls,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cost_usd=self.cost_usd,
        )


@dataclass(frozen=True)
class Heard:
    """The answer to a chat by the template's replies: natural-log probabilities, or votes counted (one at least)."""

    logprobs: tuple[float, ...] | None
    counts: tuple[int, ...]
    reasoning: str = ""


class Voting:
    """Asks as `template` says, for up to `votes` answers. `repair` is what an unreadable reply is answered with."""

    def __init__(self, template: JudgeTemplate, votes: int) -> None:
        self._template = template
        self._votes = votes
        name = template.reply if len(template.replies) == 2 else f"{template.reply}_of_several"
        self.repair = read_named("repair request", "repair", (".txt",), name)[2]

    async def hear(
        self, session: Session, chat: tuple[Message, ...], record: CallRecord, about: Mapping[str, Any]
    ) -> Heard:
        """The answer to `chat`; what it took goes into `record`, each reply beside `about`.

        Raises `Unreadable` where no more than half of the votes could be read, `GaveUp` where the model refuses.
        """
        counts = [0] * len(self._template.replies)
        reasoning = ""
        lost: Unreadable | None = None
        for vote in range(self._votes):
            try:
                completion, reply = await self._vote(session, chat, record, about, vote)
            except Unreadable as unreadable:
                lost = unreadable
                continue
            if not sum(counts):
                reasoning = reply.reasoning
            counts[reply.slot] += 1
            if vote == 0:
                logprobs = label_logprobs(completion.tokens, self._read, self._template.replies)
                if logprobs is not None:
                    record.replies[-1]["label_logprobs"] = logprobs
                    return Heard(logprobs, tuple(counts), reasoning)
        if lost is not None and 2 * sum(counts) <= self._votes:
            raise lost
        return Heard(None, tuple(counts), reasoning)

    async def _vote(
        self,
        session: Session,
        chat: tuple[Message, ...],
        record: CallRecord,
        about: Mapping[str, Any],
        vote: int,
    ) -> tuple[Completion, Reply]:
        """One readable answer, after one repair at most. Raises `Unreadable`, or `GaveUp` where the model refuses."""
        completion = await self._ask(session, chat, record, about, vote)
        try:
            return completion, self._read(completion.text)
        except Unreadable as unreadable:
            replies = self._template.replies
            request = Template(self.repair).substitute(
                reason=unreadable, first=replies[0], second=replies[1], choices=", ".join(replies)
            )
            replied = (
                Message(role="assistant", content=completion.text),
                Message(role="user", content=request.strip()),
            )
        completion = await self._ask(session, (*chat, *replied), record, about, vote)
        try:
            return completion, self._read(completion.text)
        except Unreadable as unreadable:
            cut = ", and it was cut at max_tokens" if completion.finish_reason == "length" else ""
            raise Unreadable(f"unreadable reply, twice: {unreadable}{cut}") from unreadable

    async def _ask(
        self,
        session: Session,
        chat: tuple[Message, ...],
        record: CallRecord,
        about: Mapping[str, Any],
        vote: int,
    ) -> Completion:
        completion = await session.ask(chat, vote, self._readable)
        record.add(completion, about)
        if completion.finish_reason == "content_filter":
            raise GaveUp("the reply was stopped by a content filter")
        if completion.refusal:
            raise GaveUp("the judge refused to judge")
        return completion

    def _read(self, text: str) -> Reply:
        return read_reply(text, self._template)

    def _readable(self, completion: Completion) -> bool:
        """Whether the reply is a vote: no other is kept for later."""
        if completion.finish_reason == "content_filter" or completion.refusal:
            return False
        try:
            self._read(completion.text)
        except Unreadable:
            return False
        return True
