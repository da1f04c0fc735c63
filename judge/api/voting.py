"""Putting one chat to an external model until it has answered as its template asks, or has failed to.

Where the server gives log-probabilities, the first answer holds the probability of every reply and is enough; where
it does not, `votes` answers are counted, had with one request where the server gives several. A reply that cannot be
read is sent back once with the reason; after that the vote is lost.
"""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from string import Template
from typing import Any

from judge.api.completion import Completion
from judge.api.endpoint import Session
from judge.api.failures import GaveUp
from judge.api.reply import Reply, Unreadable, label_logprobs, read_reply
from judge.api.tokens import TokenUse
from prompts.shipped import read_named
from prompts.template import JudgeTemplate
from store.records import Message, Usage


@dataclass
class CallRecord:
    """What the calls about one unit have cost and brought so far, kept whatever becomes of it."""

    replies: list[dict[str, Any]] = field(default_factory=list)
    calls: int = 0
    used: TokenUse = field(default_factory=TokenUse)
    cost_usd: float | None = None

    def add(self, completion: Completion, about: Mapping[str, Any]) -> None:
        """`about` says what was asked, beside the reply in `replies`."""
        spent = self.cost_usd if self.replies else 0.0
        # The price of one call unknown is the price of all unknown.
        self.cost_usd = None if spent is None or completion.cost_usd is None else spent + completion.cost_usd
        self.calls += completion.calls
        self.used += completion.used
        self.replies.append({**about, "text": completion.text, "finish_reason": completion.finish_reason})

    @property
    def usage(self) -> Usage:
        return Usage(
            calls=self.calls,
            input_tokens=self.used.input,
            output_tokens=self.used.output,
            cached_tokens=self.used.cached,
            reasoning_tokens=self.used.reasoning,
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
        vote = -1
        async with aclosing(self._answers(session, chat)) as answers:
            async for answer in answers:
                vote += 1
                try:
                    completion, reply = await self._vote(session, chat, answer, record, about, vote)
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

    async def foresee(self, session: Session, chats: Iterable[Sequence[Message]]) -> None:
        """Say that these chats will be heard one after the other. Raises `JudgeStopped`."""
        votes = 1 if session.expects_logprobs else self._votes
        await session.foresee(chats, range(votes), self._readable)

    async def _answers(self, session: Session, chat: tuple[Message, ...]) -> AsyncGenerator[Completion]:
        """An answer for each vote; the first alone where it may be enough."""
        first = 1 if session.expects_logprobs else 0
        if first:
            yield await session.ask(chat, 0, self._readable)
        async with aclosing(session.ask_several(chat, range(first, self._votes), self._readable)) as answers:
            async for completion in answers:
                yield completion

    async def _vote(
        self,
        session: Session,
        chat: tuple[Message, ...],
        completion: Completion,
        record: CallRecord,
        about: Mapping[str, Any],
        vote: int,
    ) -> tuple[Completion, Reply]:
        """`completion` read, or after one repair at most. Raises `Unreadable`, or `GaveUp` where the model refuses."""
        _note(completion, record, about)
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
        completion = await session.ask((*chat, *replied), vote, self._readable)
        _note(completion, record, about)
        try:
            return completion, self._read(completion.text)
        except Unreadable as unreadable:
            cut = ", and it was cut at max_tokens" if completion.finish_reason == "length" else ""
            raise Unreadable(f"unreadable reply, twice: {unreadable}{cut}") from unreadable

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


def _note(completion: Completion, record: CallRecord, about: Mapping[str, Any]) -> None:
    """Put an answer on record. Raises `GaveUp` where it is a refusal."""
    record.add(completion, about)
    if completion.finish_reason == "content_filter":
        raise GaveUp("the reply was stopped by a content filter")
    if completion.refusal:
        raise GaveUp("the judge refused to judge")
