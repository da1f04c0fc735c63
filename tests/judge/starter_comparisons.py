"""Comparisons that the starter policy was taught to judge, for tests of servers that serve it."""

import asyncio
from collections.abc import Iterable

from judge import Judge
from prompts.constitution import load_constitution
from store.records import Comparison, Verdict
from tests.answers import answered, asked, compared

ASKED = {
    "What is the capital of France?": "Paris.",
    "What is 3 plus 4?": "7.",
    "Which day comes after Monday?": "Tuesday.",
    "What is the opposite of hot?": "Cold.",
}
WORSE = [
    "As an AI language model, I cannot be sure.",
    "Berlin.",
    "Sorry??? please ???",
    "I cannot help with that.",
    "12.",
    "",
]


def starter_comparisons() -> list[Comparison]:
    """Each right answer against each worse one."""
    constitution = load_constitution("starter").hash
    made = []
    for question, right in ASKED.items():
        prompt = asked(question)
        best, *worse = (answered(prompt, index, text) for index, text in enumerate([right, *WORSE]))
        made += [compared(prompt, best, other, constitution) for other in worse]
    return made


def verdicts(judge: Judge, comparisons: Iterable[Comparison]) -> dict[str, Verdict]:
    """The judge's verdicts by comparison."""

    async def collect() -> dict[str, Verdict]:
        return {verdict.comparison_id: verdict async for verdict in judge.compare(comparisons)}

    return asyncio.run(collect())
