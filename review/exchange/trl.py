"""trl's preference format, as JSON Lines: what people prefer, for training, and preferences made elsewhere.

Written with an explicit prompt and lists of messages (the conversational form). Read in every form that trl documents:
conversational or plain text, the prompt explicit or the common beginning of both conversations. It holds no ids, so
what is read is found again by its texts, and no reviewer, tie or design, so it enters no estimate.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from pydantic import ValidationError

from prompts.prompt import Message
from review.exchange.reading import Wrong, lines, parsed, said
from review.exchange.tasks import Fault, Preference, Row


def pairs(of: Iterable[Preference]) -> Iterator[str]:
    for one in of:
        row = {
            "prompt": [{"role": message.role, "content": message.content} for message in one.prompt],
            "chosen": [{"role": "assistant", "content": one.chosen}],
            "rejected": [{"role": "assistant", "content": one.rejected}],
        }
        yield json.dumps(row) + "\n"


def read(file: BinaryIO) -> Iterator[Row | Fault]:
    for place, line in lines(file):
        try:
            values = parsed(line)
            if not isinstance(values, dict) or not {"chosen", "rejected"} <= values.keys():
                raise Wrong("a line is an object with prompt, chosen and rejected")
            yield Row(place, _preference(values))
        except Wrong as wrong:
            yield Fault(place, str(wrong))


def _preference(values: Mapping[str, Any]) -> Preference:
    chosen, rejected = (_messages(values[name], name, "assistant") for name in ("chosen", "rejected"))
    if "prompt" in values:
        prompt = _messages(values["prompt"], "prompt", "user")
    else:
        prompt = chosen[:-1]
        if not prompt or rejected[:-1] != prompt:
            raise Wrong(
                "without a prompt, chosen and rejected are whole conversations that differ at the end"
            )
        chosen, rejected = chosen[-1:], rejected[-1:]
    if len(chosen) != 1 or len(rejected) != 1:
        raise Wrong("chosen and rejected are one message each, after the prompt")
    if chosen == rejected:
        raise Wrong("chosen and rejected are the same")
    return Preference(prompt, chosen[0].content, rejected[0].content)


def _messages(value: Any, name: str, role: str) -> tuple[Message, ...]:
    listed = [{"role": role, "content": value}] if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed or not all(isinstance(one, dict) for one in listed):
        raise Wrong(f"{name} must be a text, or a list of messages")
    try:
        return tuple(
            Message.model_validate({"role": one.get("role"), "content": one.get("content")}) for one in listed
        )
    except ValidationError as error:
        raise Wrong(f"{name}: {said(error)}") from error
