"""Near-duplicates: found exactly, and nothing else found."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.neighbours import near_duplicates, shingles
from prompts.prompt import Message, Prompt

few_words = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=12).map(" ".join)


def prompts(texts, split="train"):
    return [Prompt(messages=(Message(role="user", content=text),), split=split) for text in texts]


def similarity(one, other):
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(few_words, max_size=8), st.lists(few_words, max_size=8),
    st.sampled_from([0.3, 0.5, 0.6, 2 / 3, 0.75, 0.8, 0.9, 1.0]),
)  # fmt: skip
def test_the_search_finds_what_comparing_all_pairs_finds(train_texts, heldout_texts, threshold):
    train, heldout = prompts(train_texts), prompts(heldout_texts, "heldout")
    expected = []
    for one in heldout:
        near = [other for other in train if similarity(one, other) >= threshold - 1e-9]
        if near:
            expected.append((one, near[0], similarity(one, near[0])))
    found = [(one.heldout, one.train, one.similarity) for one in near_duplicates(train, heldout, threshold)]
    assert found == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is the time?", "what is   the time"),
        ("Café “ouvert”?", "cafe\u0301 ouvert"),
        ("今天天气怎么样？", "今天天气怎么样"),
        ("???", "???"),
    ],
)
def test_case_spacing_and_sentence_punctuation_do_not_count(one, other):
    [near] = near_duplicates(prompts([one]), prompts([other], "heldout"))
    assert near.similarity == 1.0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 2 + 3?", "What is 2 - 3?"),
        ("What is the capital of France?", "What is the capital of Spain?"),
        ("今天北京天气怎么样？", "明天上海交通怎么样？"),
        ("???", "!!!"),
    ],
)
def test_short_prompts_that_ask_something_else_are_not_near(one, other):
    assert near_duplicates(prompts([one]), prompts([other], "heldout")) == []


def test_what_the_system_and_the_assistant_say_does_not_count():
    def talk(question, answer):
        return Prompt(
            messages=tuple(
                Message(role=role, content=text)
                for role, text in (
                    ("system", "A very long system message that all of the prompts share, word by word"),
                    ("user", question), ("assistant", answer), ("user", "Go on"),
                )
            ),
            split="train",
        )  # fmt: skip

    assert near_duplicates([talk("Tell me of cats", "Sure")], [talk("Explain the tides", "Sure")]) == []
    assert near_duplicates([talk("Tell me of cats", "Sure")], [talk("Tell me of cats", "No way")])


def test_many_prompts_on_one_template_are_searched_without_comparing_all_pairs(monkeypatch):
    """Each prompt shares four fifths of its words with every other, and none is near: the bounds must say so."""
    template = " ".join(f"word{i}" for i in range(60))
    made = [f"{template} " + " ".join(f"own{n}of{i}" for n in range(12)) for i in range(400)]
    compared = 0
    intersect = frozenset.__and__

    class Counting(frozenset):
        def __and__(self, other):
            nonlocal compared
            compared += 1
            return intersect(self, other)

    monkeypatch.setattr("prompts.neighbours.shingles", lambda prompt: Counting(shingles(prompt)))
    assert near_duplicates(prompts(made[:300]), prompts(made[300:], "heldout")) == []
    assert compared < 100
