"""Comparisons whose right answer is planted in the texts, and a perfect judge's reply to them."""

import re
from typing import Any

from prompts.constitution import load_constitution
from prompts.prompt import Message, Prompt
from store.records import Comparison, Sample

GENERAL = load_constitution("general")


def planted(worths: list[int], question: str = "What is it worth?") -> tuple[Prompt, list[Sample]]:
    """A prompt and a sample for each worth; the sample's text tells its worth."""
    prompt = Prompt(messages=(Message(role="user", content=question),), split="train")
    samples = [
        Sample(
            prompt_id=prompt.id,
            policy="rev_a",
            round=1,
            purpose="train",
            index=index,
            seed=index,
            settings="s",
            text=f"worth={worth}",
            tokens=3,
            finish_reason="stop",
        )
        for index, worth in enumerate(worths)
    ]
    return prompt, samples


def planted_comparison(first: int, second: int, question: str = "What is it worth?") -> Comparison:
    prompt, samples = planted([first, second], question)
    return Comparison(
        prompt=prompt,
        first=samples[0],
        second=samples[1],
        round=1,
        purpose="train",
        constitution=GENERAL.hash,
    )


def better_label(chat: list[dict[str, Any]]) -> str:
    """What a perfect judge replies to one of the shipped pairwise templates."""
    first, second = (int(worth) for worth in re.findall(r"worth=(\d+)", chat[0]["content"]))
    return "A" if first > second else "B"
