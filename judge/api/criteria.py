"""What an external model writes before it judges: criteria for this very request, and a reference answer.

Explicit criteria and a worked-out answer helped a strong judge on adversarial pairs more than rules or a chain of
thought did (Zeng et al. 2023, LLMBar, arXiv 2310.07641). Both are written once a prompt, before any answer is
seen, by the whole constitution whatever part of it is asked about later; their cost stands in the verdict that
needed them first. They go through the same cache and budget as every other request.

What a model wrote is shown to the judge as material, between delimiters, like an answer. A judge without criteria that
its template asks for would be another judge, so where they cannot be had the comparison is unscored.
"""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import httpx

from judge.api.completion import Completion
from judge.api.endpoint import Endpoint, Session
from judge.api.failures import GaveUp
from judge.api.features import Features
from judge.api.once import Once
from judge.api.paid_calls import PaidCalls, known_price
from judge.api.voting import CallRecord
from judge.errors import JudgeSettingsError
from judge.presentation import Asides, as_request
from judge.settings import ApiJudgeSettings, LocalJudgeSettings
from judge.ways import WaysSettings
from prompts.constitution import Constitution
from prompts.hashing import content_hash
from prompts.template import JudgeTemplate
from prompts.written import WritingRequest, load_writing
from store.records import Prompt

CRITERIA, REFERENCE = "criteria", "reference"


def written_asides(settings: WaysSettings, template: JudgeTemplate) -> tuple[str, ...]:
    """Which of criteria and reference a model has to write for this template."""
    written = [CRITERIA] if CRITERIA in template.uses else []
    if REFERENCE in template.uses and settings.reference == "written":
        written.append(REFERENCE)
    return tuple(written)


def check_asides(settings: WaysSettings, template: JudgeTemplate) -> None:
    """Raise `JudgeSettingsError` for asides that nobody can write, or that the template never shows."""
    if settings.reference == "written" and REFERENCE not in template.uses:
        raise JudgeSettingsError(
            f"judge.reference: template {template.name!r} never shows a reference answer, so none needs to be written. "
            "Use a template that does, such as pairwise_reference, or leave judge.reference at data."
        )
    if settings.reference_model is not None and settings.reference != "written":
        raise JudgeSettingsError(
            "judge.reference_model: no reference answer is written. Set judge.reference to written, or remove the key."
        )
    written = written_asides(settings, template)
    if written and isinstance(settings, LocalJudgeSettings):
        raise JudgeSettingsError(
            f"judge.template: {template.name!r} needs {' and '.join(written)} written for each request, and a local "
            "judge reads probabilities and writes nothing. Use another template"
            + (", or references from the data." if REFERENCE in written else ".")
        )


@dataclass(frozen=True)
class _Pen:
    """One thing to write: what is asked for it, and of whom."""

    request: WritingRequest
    endpoint: Endpoint


class AsideWriter:
    """Has what `template` needs written by the model of `settings`, or by its `reference_model`."""

    def __init__(
        self,
        settings: ApiJudgeSettings,
        template: JudgeTemplate,
        constitution: Constitution,
        http_transport: httpx.AsyncBaseTransport | None = None,
        calls: PaidCalls | None = None,
    ) -> None:
        self._constitution = constitution
        self._pens: dict[str, _Pen] = {}
        self._by: list[str] = []
        for what in written_asides(settings, template):
            model = settings.reference_model if what == REFERENCE else None
            changed = {
                "model": model or settings.model,
                "max_tokens": settings.written_tokens,
                "logprobs": "never",
            }
            own = settings.model_copy(update=changed)
            paid = calls.at_price(known_price(own)) if calls and model else calls
            request = load_writing(what)
            self._pens[what] = _Pen(
                request, Endpoint(own, Features.first(own, "label"), {}, http_transport, paid)
            )
            self._by.append(f"{what}:{request.hash}:{own.model}:{own.max_tokens}:{own.temperature}")

    @property
    def name(self) -> str:
        """What a judge's name says of it: empty where nothing is written."""
        return f":w{content_hash(json.dumps(self._by))[:12]}" if self._by else ""

    @asynccontextmanager
    async def session(self) -> AsyncIterator["AsideSession"]:
        """Connections for the running event loop, closed at the end; none where nothing is written."""
        async with AsyncExitStack() as stack:
            open_pens = {
                what: (pen.request, await stack.enter_async_context(pen.endpoint.session()))
                for what, pen in self._pens.items()
            }
            yield AsideSession(open_pens, self._constitution)


class AsideSession:
    """Asides by prompt, each written once."""

    def __init__(self, pens: dict[str, tuple[WritingRequest, Session]], constitution: Constitution) -> None:
        self._pens = pens
        self._constitution = constitution
        self._written: Once[str] = Once()

    async def of(self, prompt: Prompt, record: CallRecord) -> Asides:
        """What stands beside the answers to `prompt`; what had to be written for it now goes into `record`.

        Raises `GaveUp` where it cannot be had.
        """
        asides = Asides.of(prompt)
        if CRITERIA in self._pens:
            asides = replace(asides, criteria=await self._text(CRITERIA, prompt, record))
        if REFERENCE in self._pens and not asides.reference:
            asides = replace(asides, reference=await self._text(REFERENCE, prompt, record))
        return asides

    async def _text(self, what: str, prompt: Prompt, record: CallRecord) -> str:
        async def write() -> str:
            request, session = self._pens[what]
            chat = request.render(as_request(prompt.messages), self._constitution.principles)
            completion = await session.ask(chat, 0, lambda reply: _fault(reply) is None)
            record.add(completion, {"wrote": what, "asked": chat[-1].content})
            if fault := _fault(completion):
                raise GaveUp(f"the {what} for this request {fault}")
            return _text_of(completion)

        return await self._written.get(f"{what} {prompt.id}", write)


def _text_of(completion: Completion) -> str:
    """What was written, without the thoughts before it."""
    _, ended, text = completion.text.rpartition("</think>")
    return "" if not ended and text.lstrip().startswith("<think>") else text.strip()


def _fault(completion: Completion) -> str | None:
    """Why the text cannot be used; None where it can."""
    if completion.refusal or completion.finish_reason == "content_filter":
        return "was refused"
    if completion.finish_reason == "length":
        return "was cut at judge.written_tokens"
    return None if _text_of(completion) else "came back empty"
