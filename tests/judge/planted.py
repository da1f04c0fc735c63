"""Comparisons whose right answer is planted in the texts, and a perfect judge's reply to them."""

import re
from typing import Any

from prompts.constitution import load_constitution
from prompts.prompt import Prompt
from store.records import Comparison, Sample
from tests.answers import answered, asked, compared

GENERAL = load_constitution("general")


def planted(worths: list[int], question: str = "What is it worth?") -> tuple[Prompt, list[Sample]]:
    """A prompt and a sample for each worth; the sample's text tells its worth."""
    prompt = asked(question)
    return prompt, [answered(prompt, index, f"worth={worth}") for index, worth in enumerate(worths)]


def planted_comparison(first: int, second: int, question: str = "What is it worth?") -> Comparison:
    prompt, samples = planted([first, second], question)
    return compared(prompt, *samples, constitution=GENERAL.hash)


def better_label(chat: list[dict[str, Any]]) -> str:
    """What a perfect judge replies to one of the shipped pairwise templates."""
    first, second = (int(worth) for worth in re.findall(r"worth=(\d+)", chat[0]["content"]))
    return "A" if first > second else "B"
