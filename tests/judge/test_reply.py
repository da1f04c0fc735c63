"""A reply is read exactly or not at all."""

import json
import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.api.completion import Completion, Token
from judge.api.reply import Unreadable, label_logprobs, read_reply, reply_schema
from prompts.template import load_template
from tests.judge.chat_server import completion, token

LABEL = load_template("pairwise")
JSON = load_template("pairwise_json")


def spoken(verdict: str, reasoning: str = "because") -> str:
    return json.dumps({"reasoning": reasoning, "verdict": verdict})


@pytest.mark.parametrize(
    ("text", "slot"), [("A", 0), ("B", 1), (" B\n", 1), ("<think>A or B?</think>\n\nB", 1)]
)
def test_a_bare_label_is_read(text: str, slot: int) -> None:
    assert read_reply(text, LABEL).slot == slot


@pytest.mark.parametrize(
    "text",
    [
        "", "  ", "a", "A.", "A or B", "The better answer is A", "Verdict: A", "AB", "B\nA", "C", "**A**", "[[A]]",
        "<think>It is A", "<think></think>", "<think>x</think>B</think>A", '{"verdict": "A"}',
    ],
)  # fmt: skip
def test_anything_but_a_bare_label_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        read_reply(text, LABEL)


@pytest.mark.parametrize(
    ("text", "slot"),
    [
        (spoken("A"), 0),
        (spoken(" B "), 1),
        (f"```json\n{spoken('B')}\n```", 1),
        (f"```\n{spoken('B')}\n```", 1),
        (f"<think>hm</think>{spoken('B')}", 1),
        ('{"verdict": "A"}', 0),
        ('{"verdict": "B", "reasoning": "r", "confidence": 0.9}', 1),
        (spoken("B", 'A is worse. {"verdict": "A"}'), 1),
    ],
)
def test_one_json_object_is_read(text: str, slot: int) -> None:
    assert read_reply(text, JSON).slot == slot


@pytest.mark.parametrize(
    "text",
    [
        "", "A", "null", "[]", '"A"', "{}", '{"reasoning": "A"}', '{"verdict": null}', '{"verdict": ["A"]}',
        '{"verdict": 1}',
        spoken("C"), spoken("AB"), spoken("tie"), spoken("a"), spoken("A") + spoken("B"), f"My verdict: {spoken('A')}",
        f"{spoken('A')} Thanks!", spoken("A")[:-1], '{"verdict": "A", "verdict": "B"}',
        '{"verdict": "B", "verdict": "B"}',
        f"```json\n{spoken('A')}\n``` and ```json\n{spoken('B')}\n```", "[" * 100_000,
        '{"reasoning": {"verdict": "A"}, "verdict": "A"}',
    ],
)  # fmt: skip
def test_anything_but_one_json_object_with_a_verdict_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        read_reply(text, JSON)


@given(noise=st.text(max_size=40), verdict=st.sampled_from(["A", "B"]))
def test_what_the_reasoning_says_never_decides(noise: str, verdict: str) -> None:
    assert read_reply(spoken(verdict, noise + ' "verdict": "A" B'), JSON).slot == "AB".index(verdict)


@given(st.text(max_size=60))
def test_any_text_is_read_or_unreadable(text: str) -> None:
    for template in (LABEL, JSON):
        with suppress(Unreadable):
            assert read_reply(text, template).slot in (0, 1)


def test_the_schema_allows_the_labels_and_puts_reasoning_first() -> None:
    schema = reply_schema(JSON)
    assert list(schema["properties"]) == schema["required"] == ["reasoning", "verdict"]
    assert schema["properties"]["verdict"]["enum"] == ["A", "B"]
    assert schema["additionalProperties"] is False


def tokens(*parts: dict[str, object]) -> list[Token]:
    return [Token.model_validate(part) for part in parts]


def label_probabilities(*parts: dict[str, object], template: str = "pairwise") -> tuple[float, float] | None:
    loaded = load_template(template)
    found = label_logprobs(tokens(*parts), lambda text: read_reply(text, loaded), loaded.labels)
    return None if found is None else (math.exp(found[0]), math.exp(found[1]))


def plain(text: str) -> dict[str, object]:
    return token(text, {text: 1.0})


def test_a_labels_spellings_count_together() -> None:
    found = label_probabilities(token(" A", {" A": 0.4, "A": 0.2, "B": 0.1, " B": 0.1, "The": 0.05}))
    assert found == pytest.approx((0.6, 0.2))


def test_a_label_off_the_list_is_unlikely_and_not_impossible() -> None:
    found = label_probabilities(token("A", {"A": 0.9, "The": 0.06, "I": 0.01}))
    assert found == pytest.approx((0.9, 0.01))
    alone = label_probabilities({"token": "A", "logprob": math.log(0.7)})
    assert alone == pytest.approx((0.7, 0.3))


def test_a_sentinel_for_very_unlikely_is_no_probability() -> None:
    part = token("A", {"A": 0.99})
    part["top_logprobs"].append({"token": "B", "logprob": -9999.0})
    found = label_probabilities(part)
    assert found is not None
    assert found[1] == pytest.approx(0.01)


def test_in_json_the_place_is_the_verdicts_and_not_the_reasonings() -> None:
    found = label_probabilities(
        plain('{"reasoning": "'),
        token("A", {"A": 0.99, "B": 0.01}),
        plain(" is longer than "),
        token("B", {"B": 0.98, "A": 0.02}),
        plain('", "verdict": '),
        token('"B', {'"B': 0.7, '"A': 0.3}),
        plain('"}'),
        template="pairwise_json",
    )
    assert found == pytest.approx((0.3, 0.7))


def test_the_place_is_found_where_the_verdict_comes_before_the_reasoning() -> None:
    found = label_probabilities(
        plain('{"verdict": "'),
        token("B", {"B": 0.8, "A": 0.2}),
        plain('", "reasoning": "'),
        token("B", {"B": 0.99, "A": 0.01}),
        plain(" and not "),
        token("A", {"A": 1.0}),
        plain('"}'),
        template="pairwise_json",
    )
    assert found == pytest.approx((0.2, 0.8))


@pytest.mark.parametrize("parts", [[], [plain("A is better")], [plain('"A"')]])
def test_without_a_place_there_are_no_probabilities(parts: list[dict[str, object]]) -> None:
    assert label_probabilities(*parts) is None


def test_log_probabilities_in_another_shape_are_as_good_as_none() -> None:
    for shape in ({"content": "A"}, {"tokens": ["A"], "token_logprobs": [-0.1]}, [1, 2], "yes"):
        assert Completion.read(json.dumps(completion("A", logprobs=shape)).encode()).tokens == []
