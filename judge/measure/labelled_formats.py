"""The formats of labelled comparisons: which fields make each, and how a row of it is read.

A row refused is refused with the reason and nothing is guessed, with one exception, which is said where it stands.
An empty answer is an answer: a model did say nothing, and people did label that.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from prompts.hashing import derive_seed
from prompts.rows import Row, RowRefused, read_row

Choice = Literal["first", "second", "tie"]
Values = Mapping[str, Any]

ANSWERS = (
    ("first", "second"),
    ("answer_1", "answer_2"),
    ("answer_a", "answer_b"),
    ("response_a", "response_b"),
    ("output_1", "output_2"),
)
"""Names of the two answers in plain rows; `answers`, a list of two, will do as well."""


@dataclass(frozen=True)
class LabelledRow:
    """What a row says: the prompt, the two answers in the order of the data, and which one people prefer."""

    asked: Row
    first: str
    second: str
    label: Choice
    subset: str = ""


Reader = Callable[[Values], LabelledRow]


def read_plain(values: Values) -> LabelledRow:
    """A prompt in any shape of a prompt set, two answers, `label` (first, second or tie) and perhaps `subset`."""
    label = values["label"]
    if label not in ("first", "second", "tie"):
        raise RowRefused(f"label is {label!r}; write first, second or tie")
    if "answers" in values:
        both = values["answers"]
        if not isinstance(both, list) or len(both) != 2:
            raise RowRefused("'answers' must be a list of two texts")
        first, second = (_text(f"answers[{n}]", text) for n, text in enumerate(both))
    else:
        names = next((names for names in ANSWERS if set(names) <= values.keys()), None)
        if names is None:
            known = "; ".join(" and ".join(names) for names in ANSWERS)
            raise RowRefused(f"no two answers: looked for {known}; answers")
        first, second = (_text(name, values[name]) for name in names)
    return _row(_prompt(values), first, second, label, values)


def read_llmbar(values: Values) -> LabelledRow:
    """LLMBar: `input`, `output_1`, `output_2` and `label`, 1 or 2; with a label in words, a plain row."""
    if "input" not in values or isinstance(values["label"], str):
        return read_plain(values)
    label = values["label"]
    if isinstance(label, bool) or label not in (1, 2):
        raise RowRefused(f"label is {label!r}; write 1 or 2")
    first, second = _text("output_1", values["output_1"]), _text("output_2", values["output_2"])
    asked = read_row({**values, "prompt": values["input"]})
    return _row(asked, first, second, "first" if label == 1 else "second", values)


def read_pandalm(values: Values) -> LabelledRow:
    """PandaLM: `instruction` with `input`, two responses, and three annotators who say 1, 2 or 0 for a tie.

    The label is what at least two say; three who differ make a tie. The subset is the two models (`cmp_key`). Answers
    that are `true` in the published file were the word, which a spreadsheet turned into a truth value: they are read
    as "True".
    """
    votes = [values[f"annotator{n}"] for n in (1, 2, 3)]
    if any(isinstance(vote, bool) or vote not in (0, 1, 2) for vote in votes):
        raise RowRefused(f"annotators say {votes}; each must say 1, 2 or 0 for a tie")
    choice, count = Counter(votes).most_common(1)[0]
    label: Choice = "tie" if count < 2 or choice == 0 else "first" if choice == 1 else "second"
    first, second = (
        _text(name, str(values[name]) if isinstance(values[name], bool) else values[name])
        for name in ("response1", "response2")
    )
    asked = values
    if not str(values["instruction"]).strip():  # the whole task stands in the input
        asked = {"prompt": values.get("input")}
    return LabelledRow(read_row(asked), first, second, label, str(values.get("cmp_key") or ""))


def read_chosen(values: Values) -> LabelledRow:
    """RewardBench and preference data: `prompt`, `chosen`, `rejected`, each answer a text or a conversation.

    The chosen answer is put first or second by the hash of the row: a judge that favours a slot must not look right.
    """
    chosen, rejected = (_answer(name, values[name]) for name in ("chosen", "rejected"))
    asked = _prompt(values) if _has_prompt(values) else _shared_prompt(values["chosen"], values["rejected"])
    chosen_first = derive_seed("chosen first", [m.content for m in asked.messages], chosen, rejected) % 2 == 0
    first, second = (chosen, rejected) if chosen_first else (rejected, chosen)
    return _row(asked, first, second, "first" if chosen_first else "second", values)


FORMATS: tuple[tuple[str, tuple[str, ...], Reader], ...] = (
    (
        "pandalm",
        ("instruction", "response1", "response2", "annotator1", "annotator2", "annotator3"),
        read_pandalm,
    ),
    ("llmbar", ("output_1", "output_2", "label"), read_llmbar),
    ("chosen/rejected", ("chosen", "rejected"), read_chosen),
    ("plain", ("label",), read_plain),
)
"""Name, fields that recognise it, and reader; the first that fits. Plain rows show their answers by `ANSWERS`."""


def _row(asked: Row, first: str, second: str, label: Choice, values: Values) -> LabelledRow:
    subset = values.get("subset")
    if subset is not None and not isinstance(subset, str):
        raise RowRefused(f"'subset' must be text, not {subset!r}")
    return LabelledRow(asked, first, second, label, subset or "")


def _has_prompt(values: Values) -> bool:
    return any(values.get(name) is not None for name in ("messages", "prompt", "instruction", "question"))


def _prompt(values: Values) -> Row:
    return read_row(values)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise RowRefused(f"{name!r} must be text, not {value!r:.40}")
    return value


def _answer(name: str, value: Any) -> str:
    """An answer as text: itself, or the last turn of a conversation, which must be the assistant's."""
    if not isinstance(value, list):
        return _text(name, value)
    last = value[-1] if value else None
    if not isinstance(last, Mapping) or last.get("role") != "assistant":
        raise RowRefused(f"{name!r} must be text, or a conversation that ends with a turn of the assistant")
    return _text(f"{name}[-1].content", last.get("content"))


def _shared_prompt(chosen: Any, rejected: Any) -> Row:
    """The turns before the answer, which both conversations must share."""
    if not isinstance(chosen, list) or not isinstance(rejected, list):
        raise RowRefused("no prompt: looked for prompt, messages, instruction, question")
    if chosen[:-1] != rejected[:-1]:
        raise RowRefused("no prompt, and 'chosen' and 'rejected' do not share the turns before the answer")
    return read_row({"messages": chosen[:-1]})
