"""From a row of data to chat messages: which column holds the prompt, and whether it is one.

The accepted shapes are those of the field's public data: a plain string, a conversation, a list of turns of which
the first is asked (as in MT-Bench), and an instruction with its input (as in Alpaca and Self-Instruct). A row of any
other shape is refused with a reason; nothing is guessed and nothing is cut.

Left out: conversations that end with an answer. Whether that answer is to be dropped or was put there by mistake is
the owner's to say.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prompts.prompt import Message, Role, Split

PROMPT_COLUMNS = ("messages", "prompt", "instruction", "question", "turns", "text")
"""Where a prompt is looked for, in this order, when the configuration names no column."""

REFERENCE_COLUMN = "reference"

TAG_COLUMNS = ("tags", "axis", "category")

_HELDOUT = frozenset({"heldout", "held", "test", "validation", "valid", "val", "dev", "eval", "evaluation"})
_TRAIN = frozenset({"train", "training"})
_SURROGATE = re.compile("[\ud800-\udfff]")


class RowRefused(ValueError):
    """Why a row is not a prompt; who reads the rows adds where it stands."""


@dataclass(frozen=True)
class Row:
    """A row's prompt: its messages, its split where the row says so, what is known about it, a good answer to it."""

    messages: tuple[Message, ...]
    split: Split | None
    tags: tuple[str, ...]
    reference: str | None = None


def read_row(values: Mapping[str, Any], column: str | None = None, system: str | None = None) -> Row:
    """The prompt in `values`, from `column` or the first of `PROMPT_COLUMNS` that is there.

    `system` is put before a prompt that is not a conversation. Raises `RowRefused`.
    """
    name = column or next((known for known in PROMPT_COLUMNS if values.get(known) is not None), None)
    if name is None or values.get(name) is None:
        looked = repr(column) if column else ", ".join(PROMPT_COLUMNS)
        raise RowRefused(f"no prompt: looked for {looked}, found the columns {', '.join(values) or 'none'}")
    messages = _messages(name, values, system)
    return Row(messages, _row_split(values), _tags(values), _reference(values))


def split_named(name: str) -> Split | None:
    """`train` or `heldout` by the name of a split (`train_sft`, `validation`, `held-out`); None for any other."""
    first = re.split(r"[^a-z]", name.lower())[0]
    return "train" if first in _TRAIN else "heldout" if first in _HELDOUT else None


def _messages(name: str, values: Mapping[str, Any], system: str | None) -> tuple[Message, ...]:
    value = values[name]
    if isinstance(value, Mapping) and {"role", "content"} <= value.keys():
        value = _as_list_of_turns(name, value)
    if isinstance(value, str):
        return _plain(name, _with_input(name, value, values), system)
    if not isinstance(value, list):
        raise RowRefused(f"{name!r} must be text or a list of messages, not {_kind(value)}")
    if not value:
        raise RowRefused(f"{name!r} is empty")
    if all(isinstance(turn, str) for turn in value):
        return _plain(f"{name}[0]", value[0], system)
    return _conversation(name, value)


def _plain(name: str, text: str, system: str | None) -> tuple[Message, ...]:
    question = Message(role="user", content=_checked(name, text))
    return (question,) if system is None else (Message(role="system", content=system), question)


def _with_input(name: str, text: str, values: Mapping[str, Any]) -> str:
    """An instruction and the input it is about, which stands in the row or in its first instance."""
    if name != "instruction":
        return text
    source: Mapping[str, Any] = values
    instances = values.get("instances")
    if values.get("input") is None and isinstance(instances, list) and instances:
        if not isinstance(instances[0], Mapping):
            raise RowRefused(f"'instances[0]' must be an object, not {_kind(instances[0])}")
        source = instances[0]
    given = source.get("input")
    if given is None:
        return text
    if not isinstance(given, str):
        raise RowRefused(f"'input' must be text, not {_kind(given)}")
    return f"{text}\n\n{given}" if given.strip() else text


def _conversation(name: str, turns: list[Any]) -> tuple[Message, ...]:
    """Messages with an optional system turn, then user and assistant in turn, ending with the user."""
    messages = []
    expected: tuple[Role, ...] = ("system", "user")
    for position, turn in enumerate(turns):
        where = f"{name}[{position}]"
        if not isinstance(turn, Mapping) or not {"role", "content"} <= turn.keys():
            raise RowRefused(f"{where} must be an object with role and content")
        role: Role = turn["role"]
        if role not in ("system", "user", "assistant"):
            raise RowRefused(f"{where} has role {role!r}; known are system, user and assistant")
        if role not in expected:
            raise RowRefused(f"{where} is a turn of {role}, expected {' or '.join(expected)}")
        messages.append(Message(role=role, content=_checked(f"{where}.content", turn["content"])))
        expected = ("assistant",) if role == "user" else ("user",)
    if messages[-1].role != "user":
        raise RowRefused(
            f"{name!r} ends with a turn of {messages[-1].role}; a prompt ends with the user's, so leave out the answer"
        )
    return tuple(messages)


def _as_list_of_turns(name: str, columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Turns kept as one list a field, which is how some columnar files hand them out."""
    roles, contents = columns["role"], columns["content"]
    if not isinstance(roles, list) or not isinstance(contents, list) or len(roles) != len(contents):
        raise RowRefused(f"{name!r} must be a list of messages")
    return [{"role": role, "content": content} for role, content in zip(roles, contents, strict=True)]


def _checked(name: str, text: Any) -> str:
    if not isinstance(text, str):
        raise RowRefused(f"{name} must be text, not {_kind(text)}")
    if not text.strip():
        raise RowRefused(f"{name} is empty")
    if half := _SURROGATE.search(text):
        raise RowRefused(f"{name} holds half a character (U+{ord(half[0]):04X}) at position {half.start()}")
    return text


def _row_split(values: Mapping[str, Any]) -> Split | None:
    name = values.get("split")
    if name is None:
        return None
    split = split_named(name) if isinstance(name, str) else None
    if split is None:
        raise RowRefused(f"split {name!r} is unknown; write train or heldout")
    return split


def _tags(values: Mapping[str, Any]) -> tuple[str, ...]:
    tags: list[str] = []
    for column in TAG_COLUMNS:
        value = values.get(column)
        several = value if isinstance(value, list) else [] if value is None else [value]
        for tag in several:
            if not isinstance(tag, str):
                raise RowRefused(f"{column!r} must be text or a list of texts, not {_kind(tag)}")
            tags.append(tag)
    return tuple(dict.fromkeys(tags))


def _reference(values: Mapping[str, Any]) -> str | None:
    """A good answer where the row has one; of a list, one a turn (as in MT-Bench), that of the first turn."""
    given = values.get(REFERENCE_COLUMN)
    if isinstance(given, list):
        given = given[0] if given else None
    if given is None or given == "":
        return None
    return _checked(repr(REFERENCE_COLUMN), given)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", bool: "a truth value", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), f"a {type(value).__name__}")
