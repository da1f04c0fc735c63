"""One way of judging planted comparisons through an API, measured in a process of its own.

Two ways: `ours` is `judge.ApiJudge`; `plain` is what one writes first, `asyncio.gather` over the openai client with its
default retries, a semaphore for the requests in flight, and one retry-free look at the reply. Both put the same
chats, in both orders. Prints one JSON object: verdicts, how many were scored, seconds, processor seconds, and the peak
of resident memory in bytes, after the first tenth and at the end.
"""

import argparse
import asyncio
import json
import resource
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass

import httpx
import openai

from judge.api.judge import ApiJudge
from judge.presentation import present
from judge.settings import ApiJudgeSettings
from prompts.constitution import load_constitution
from prompts.prompt import Message, Prompt
from prompts.template import load_template
from store.records import Comparison, Sample

CONSTITUTION = load_constitution("general")
TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Measured:
    """What one way did. Memory is resident, in bytes: after a tenth of the verdicts, and the most ever."""

    verdicts: int
    scored: int
    seconds: float
    cpu_seconds: float
    early_bytes: int
    peak_bytes: int


def comparisons(count: int) -> Iterator[Comparison]:
    """Planted comparisons, made as they are drawn; the first answer is the better one in every second."""
    for number in range(count):
        prompt = Prompt(messages=(Message(role="user", content=f"Question {number}?"),), split="train")
        better, worse = (f"quality={quality} {'It is so because of this. ' * 8}" for quality in (1, 0))
        texts = (better, worse) if number % 2 == 0 else (worse, better)
        first, second = (
            Sample(
                prompt_id=prompt.id,
                policy="planted",
                round=1,
                purpose="train",
                index=index,
                seed=index,
                settings="planted",
                text=text,
                tokens=60,
                finish_reason="stop",
            )
            for index, text in enumerate(texts)
        )
        yield Comparison(
            prompt=prompt,
            first=first,
            second=second,
            round=1,
            purpose="train",
            constitution=CONSTITUTION.hash,
        )


async def ours(settings: ApiJudgeSettings, count: int) -> AsyncIterator[float | None]:
    """The probability of the first answer for each comparison; None where it is unscored."""
    judge = ApiJudge(settings, load_template(settings.template), CONSTITUTION)
    async for verdict in judge.compare(comparisons(count)):
        yield verdict.p_first


async def plain(settings: ApiJudgeSettings, count: int) -> AsyncIterator[float | None]:
    """The same by `asyncio.gather` over the client; a call that failed for good is None."""
    template = load_template(settings.template)
    limits = httpx.Limits(
        max_connections=settings.concurrency, max_keepalive_connections=settings.concurrency
    )
    free = asyncio.Semaphore(settings.concurrency)
    async with (
        httpx.AsyncClient(limits=limits, timeout=TIMEOUT_S, trust_env=False) as http,
        openai.AsyncOpenAI(api_key="none", base_url=settings.base_url, http_client=http) as client,  # type: ignore[arg-type]
    ):

        async def ask(messages: tuple[Message, ...], first: str) -> bool | None:
            async with free:
                try:
                    reply = await client.chat.completions.create(
                        model=settings.model,
                        messages=[{"role": "user", "content": message.content} for message in messages],
                        temperature=0.0,
                        max_tokens=settings.max_tokens,
                    )
                    said = (reply.choices[0].message.content or "").strip()
                except (openai.OpenAIError, AttributeError, IndexError, TypeError, ValueError):
                    # The client checks nothing: what is no completion shows where it is read.
                    return None
            return said == first if said in template.replies else None

        async def judge(comparison: Comparison) -> float | None:
            orders = present(comparison, template, CONSTITUTION, settings.answer_chars)
            votes = await asyncio.gather(
                *(ask(o.messages, template.replies[0 if o.first_shown_first else 1]) for o in orders)
            )
            said = [vote for vote in votes if vote is not None]
            return sum(said) / 2 if len(said) == 2 else None

        for p_first in await asyncio.gather(*(judge(comparison) for comparison in comparisons(count))):
            yield p_first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=("ours", "plain"))
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--in-flight", type=int, required=True)
    parser.add_argument("--logprobs", action="store_true")
    print(json.dumps(asdict(asyncio.run(_measure(parser.parse_args())))))


async def _measure(asked: argparse.Namespace) -> Measured:
    settings = ApiJudgeSettings(
        base_url=asked.base_url,
        model="planted-judge",
        template="pairwise",
        concurrency=asked.in_flight,
        timeout_s=TIMEOUT_S,
        logprobs="auto" if asked.logprobs else "never",
    )
    answers = {"ours": ours, "plain": plain}[asked.way](settings, asked.count)
    verdicts = scored = early_bytes = 0
    start, cpu = time.perf_counter(), time.process_time()
    async for p_first in answers:
        verdicts += 1
        scored += p_first is not None
        if verdicts == asked.count // 10:
            early_bytes = _resident()
    return Measured(
        verdicts=verdicts,
        scored=scored,
        seconds=time.perf_counter() - start,
        cpu_seconds=time.process_time() - cpu,
        early_bytes=early_bytes,
        peak_bytes=_resident(),
    )


def _resident() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
