"""A run with a queue that looks like work: prompts and answers of several kinds, verdicts on all of them."""

from collections.abc import Sequence
from typing import Any

from prompts.hashing import content_hash, content_id
from store.records import Comparison, Message, Prompt, ReviewItem, Run, Sample, Verdict
from store.run import RunStore
from store.store import Store

CONSTITUTION = """
name: pages
version: "1"
principles:
  - {id: serves-the-request, axis: helpful, text: Prefer the answer that does what the person asked for.}
  - {id: correct, axis: honest, text: Prefer the answer whose statements are right.}
  - {id: plain, axis: helpful, text: Prefer the answer that is easy to follow.}
"""
JUDGED = 0.8731
"""What the judge says of every first sample here; its digits are looked for in pages that must not tell."""

Texts = tuple[str | tuple[Message, ...], str, str]


def review_run(
    store: Store,
    texts: Sequence[Texts],
    name: str = "desk",
    *,
    reveal: str = "batch",
    batch: int = 3,
    overlap: int = 1,
    lane: Any = "random",
    rationale: str = "The first answer is right, and says why in one line.",
) -> RunStore:
    """A run whose queue asks about each of `texts`: prompt, first and second answer."""
    config = {"spot_check": {"reveal": reveal, "reveal_batch": batch}}
    run = store.create_run(Run(name=name, seed=7, config_hash="h", config=config))
    constitution = content_hash(CONSTITUTION)
    run.save_texts({constitution: CONSTITUTION})
    comparisons = [_comparison(number, one, constitution) for number, one in enumerate(texts)]
    run.add_prompts(one.prompt for one in comparisons)
    run.add_samples(sample for one in comparisons for sample in (one.first, one.second))
    run.add_comparisons(comparisons)
    run.add_verdicts(_verdict(one, rationale) for one in comparisons)
    run.add_review_items(
        ReviewItem(
            comparison_id=one.id,
            round=1,
            purpose="train",
            lane=lane,
            inclusion_probability=0.25,
            seed=7,
            position=position,
            stratum="margin-low",
            overlap=overlap,
        )
        for position, one in enumerate(comparisons)
    )
    return run


def plain(count: int) -> list[Texts]:
    """So many short questions, each telling its number."""
    return [
        (
            f"Question {n}: what is {n} + {n}?",
            f"It is **{2 * n}**, as {n} + {n} = {2 * n}.",
            f"I think it is {2 * n + 1}.",
        )
        for n in range(1, count + 1)
    ]


def _comparison(number: int, texts: Texts, constitution: str) -> Comparison:
    asked, first, second = texts
    messages = (Message(role="user", content=asked),) if isinstance(asked, str) else asked
    prompt = Prompt(messages=messages, split="train", source=f"written:{number}")
    samples = [
        Sample(
            prompt_id=prompt.id,
            policy=content_id("rev", "secret-policy", index),
            round=1,
            purpose="train",
            index=index,
            seed=number,
            settings="s",
            text=text,
            tokens=len(text.split()),
            finish_reason="stop",
        )
        for index, text in enumerate((first, second))
    ]
    return Comparison(
        prompt=prompt,
        first=samples[0],
        second=samples[1],
        round=1,
        purpose="train",
        constitution=constitution,
    )


def _verdict(comparison: Comparison, rationale: str) -> Verdict:
    return Verdict(
        comparison_id=comparison.id,
        judge="scripted-judge",
        template="t",
        constitution=comparison.constitution,
        p_first=JUDGED,
        p_first_shown_first=0.9512,
        p_first_shown_second=0.7950,
        rationale=rationale,
    )
