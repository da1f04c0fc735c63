"""A prompt, an answer and a comparison as most tests need them: what a test is about is given, the rest is plain."""

from typing import Any

from prompts.prompt import Message, Prompt
from store.records import Comparison, Sample


def asked(question: str, **others: Any) -> Prompt:
    """A train prompt of one user turn."""
    return Prompt(**{"messages": (Message(role="user", content=question),), "split": "train", **others})


def answered(prompt: Prompt, index: int, text: str, **others: Any) -> Sample:
    """The `index`-th answer to `prompt`, three tokens long, of round 1's train samples."""
    plain = {
        "policy": "rev_a",
        "round": 1,
        "purpose": "train",
        "seed": index,
        "settings": "s",
        "tokens": 3,
        "finish_reason": "stop",
    }
    return Sample(**{"prompt_id": prompt.id, "index": index, "text": text, **plain, **others})


def compared(prompt: Prompt, first: Sample, second: Sample, constitution: str = "c") -> Comparison:
    """The two, of their own round and purpose."""
    return Comparison(
        prompt=prompt,
        first=first,
        second=second,
        round=first.round,
        purpose=first.purpose,
        constitution=constitution,
    )
