"""The starter's prompts for the loop: everyday questions, none of them a string that fine-tuning showed."""

from collections.abc import Iterator
from random import Random

from policy.errors import PolicyError
from policy.starter.questions import KINDS, Question, questions
from prompts.hashing import derive_seed
from prompts.prompt import Message, Prompt, Split


def starter_prompts(seed: int, train: int, heldout: int) -> tuple[list[Prompt], list[Prompt]]:
    """`train` and `heldout` distinct prompts, each kind of question about equally often, tagged with axis and kind.

    The same seed gives the same prompts. Raises `PolicyError` where more are asked for than there are.
    """
    ordered = list(_in_turn(seed))
    if train + heldout > len(ordered):
        raise PolicyError(
            f"the starter has {len(ordered)} prompts, and {train} train and {heldout} held-out ones were asked for; "
            "ask for fewer."
        )
    drawn = ordered[: train + heldout]
    Random(derive_seed(seed, "starter split")).shuffle(drawn)
    return (
        [_prompt(question, "train") for question in drawn[:train]],
        [_prompt(question, "heldout") for question in drawn[train:]],
    )


def _in_turn(seed: int) -> Iterator[Question]:
    """The unseen questions, one of each kind in turn for as long as the kind has any left."""
    decks = []
    for kind in KINDS:
        deck = [q for q in questions().values() if q.kind == kind and q.unseen]
        Random(derive_seed(seed, "starter", kind)).shuffle(deck)
        decks.append(deck)
    for place in range(max(map(len, decks))):
        for deck in decks:
            if place < len(deck):
                yield deck[place]


def _prompt(question: Question, split: Split) -> Prompt:
    return Prompt(
        messages=(Message(role="user", content=question.text),),
        split=split,
        source="starter",
        tags=(question.axis, question.kind),
    )
