"""Which rows are prompts, and why others are refused."""

import pytest

from prompts.rows import RowRefused, read_row, split_named


def said(values, **options):
    return [(message.role, message.content) for message in read_row(values, **options).messages]


TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "Bye"},
]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"prompt": "Q"}, "Q"),
        ({"question": "Q", "text": "not this"}, "Q"),
        ({"text": "Q", "prompt": None}, "Q"),
        ({"instruction": "Do", "input": ""}, "Do"),
        ({"instruction": "Do", "input": "this"}, "Do\n\nthis"),
        (
            {"instruction": "Do", "instances": [{"input": "one", "output": "x"}, {"input": "two"}]},
            "Do\n\none",
        ),
        ({"instruction": "Do", "instances": [{"input": "", "output": "x"}]}, "Do"),
        ({"instruction": "Do", "instances": []}, "Do"),
        ({"turns": ["First?", "Then?"]}, "First?"),
        ({"prompt": "Q", "input": "another column's"}, "Q"),
        ({"prompt": "  kept as it is\n"}, "  kept as it is\n"),
    ],
)
def test_a_plain_prompt_becomes_one_turn_of_the_user(values, text):
    assert said(values) == [("user", text)]


def test_a_conversation_is_kept_turn_by_turn():
    turns = [(turn["role"], turn["content"]) for turn in TALK]
    assert said({"messages": TALK}) == said({"prompt": TALK}) == turns
    as_columns = {key: [turn[key] for turn in TALK] for key in ("role", "content")}
    assert said({"messages": as_columns}) == turns


def test_messages_come_before_every_other_column_and_a_named_column_before_all():
    row = {"text": "T", "prompt": "P", "messages": [{"role": "user", "content": "M"}], "own": "O"}
    assert said(row) == [("user", "M")]
    assert said(row, column="own") == [("user", "O")]


def test_the_system_message_goes_before_plain_prompts_only():
    assert said({"prompt": "Q"}, system="S") == [("system", "S"), ("user", "Q")]
    assert said({"messages": TALK}, system="S")[0] == ("system", "Be brief.")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "no prompt: looked for messages, prompt, .* found the columns none"),
        ({"answer": "x"}, "found the columns answer"),
        ({"prompt": ""}, "prompt is empty"),
        ({"prompt": " \n\t"}, "prompt is empty"),
        ({"prompt": 5}, "'prompt' must be text or a list of messages, not a number"),
        ({"prompt": {"a": 1}}, "not an object"),
        ({"prompt": True}, "not a truth value"),
        ({"messages": []}, "'messages' is empty"),
        ({"turns": ["", "Then?"]}, r"turns\[0\] is empty"),
        ({"messages": [{"role": "user"}]}, r"messages\[0\] must be an object with role and content"),
        ({"messages": ["a", {"role": "user", "content": "b"}]}, r"messages\[0\] must be an object"),
        ({"messages": [{"role": "human", "content": "x"}]}, r"messages\[0\] has role 'human'; known are"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, r"has role \['user'\]"),
        ({"messages": [{"role": "user", "content": ""}]}, r"messages\[0\].content is empty"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "content must be text, not a list"),
        ({"messages": TALK[:3]}, "ends with a turn of assistant; .* leave out the answer"),
        ({"messages": TALK[:1]}, "ends with a turn of system"),
        ({"messages": [TALK[1], TALK[1]]}, r"messages\[1\] is a turn of user, expected assistant"),
        ({"messages": [TALK[2], TALK[1]]}, r"messages\[0\] is a turn of assistant, expected system or user"),
        ({"messages": [TALK[1], TALK[0], TALK[1]]}, r"messages\[1\] is a turn of system, expected assistant"),
        ({"messages": {"role": ["user"], "content": []}}, "must be a list of messages"),
        ({"prompt": "half \ud83d"}, r"prompt holds half a character \(U\+D83D\) at position 5"),
        ({"instruction": "Do", "input": 3}, "'input' must be text, not a number"),
        ({"instruction": "Do", "instances": ["x"]}, r"'instances\[0\]' must be an object"),
        ({"prompt": "Q", "split": "holdback"}, "split 'holdback' is unknown; write train or heldout"),
        ({"prompt": "Q", "split": 1}, "split 1 is unknown"),
        ({"prompt": "Q", "tags": [1]}, "'tags' must be text or a list of texts, not a number"),
    ],
)
def test_a_row_that_is_no_prompt_is_refused_with_the_reason(values, reason):
    with pytest.raises(RowRefused, match=reason):
        read_row(values)


def test_a_named_column_that_is_missing_is_refused_by_its_name():
    with pytest.raises(RowRefused, match="looked for 'ask', found the columns prompt"):
        read_row({"prompt": "Q"}, column="ask")


def test_tags_are_gathered_once_each_from_the_columns_that_hold_them():
    row = read_row({"prompt": "Q", "tags": ["a", "harmless"], "axis": "harmless", "category": "writing"})
    assert row.tags == ("a", "harmless", "writing")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"), ("train_sft", "train"), ("Training", "train"), ("test", "heldout"),
        ("test_prefs", "heldout"), ("validation", "heldout"), ("held-out", "heldout"), ("held_out", "heldout"),
        ("heldout", "heldout"), ("dev", "heldout"), ("default", None), ("", None), ("trainer", None),
    ],
)  # fmt: skip
def test_splits_are_known_by_their_usual_names(name, split):
    assert split_named(name) == split
