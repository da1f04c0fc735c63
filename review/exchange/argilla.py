"""Argilla's records (version 2): the JSON list that its `records.to_json` writes and its `records.from_json` reads.

A record is a task; its `preference` question takes our six answers. Argilla names people by UUID: one of ours leaves as
a UUID made of the name, which is found again when it comes back. The list says nothing of a response's status, so one
that was saved as a draft comes like any other.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO
from uuid import NAMESPACE_URL, uuid5

from review.exchange.reading import (
    MAX_NAME,
    MAX_REASON,
    Wrong,
    choice_in,
    records,
    text_of,
)
from review.exchange.tasks import Answer, Fault, Returned, Row, Task, shown

PREFERENCE, REASON = "preference", "reason"
_OPTIONS = {
    "left_much_better": "Left is much better",
    "left_better": "Left is better",
    "same": "About the same",
    "right_better": "Right is better",
    "right_much_better": "Right is much better",
    "both_bad": "Both are bad",
}
_TEXT = 16 * 1024 * 1024


def tasks(of: Iterable[Task]) -> Iterator[str]:
    before = "[\n"
    for task in of:
        yield before + json.dumps(_record(task))
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def form() -> str:
    """The dataset's settings, for `Settings.from_json`."""
    fields: list[dict[str, Any]] = [
        {"name": "prompt", "title": "Prompt", "settings": {"type": "chat", "use_markdown": False}},
        {"name": "left", "title": "Left", "settings": {"type": "text", "use_markdown": False}},
        {"name": "right", "title": "Right", "settings": {"type": "text", "use_markdown": False}},
        {
            "name": "principles",
            "title": "Compare by",
            "required": False,
            "settings": {"type": "text", "use_markdown": False},
        },
    ]
    options = [{"value": value, "text": text} for value, text in _OPTIONS.items()]
    questions: list[dict[str, Any]] = [
        {
            "name": PREFERENCE,
            "title": "Which answer is better?",
            "settings": {"type": "label_selection", "options": options, "visible_options": len(options)},
        },
        {"name": REASON, "title": "Why?", "required": False, "settings": {"type": "text"}},
    ]
    settings = {
        "guidelines": "Compare the two answers. Nothing here tells what anybody said of them before.",
        "fields": [{"required": True, **field} for field in fields],
        "questions": [{"required": True, **question} for question in questions],
        "vectors": [],
        "metadata": [],
        "allow_extra_metadata": False,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
        "mapping": None,
    }
    return json.dumps(settings, indent=2) + "\n"


def read(file: BinaryIO) -> Iterator[Row | Fault]:
    """A row for each person who answered a record, or one that nobody answered. Raises BadFile."""
    for place, record in records(file, "An Argilla export"):
        try:
            for returned in _returned(record):
                yield Row(place, returned)
        except Wrong as wrong:
            yield Fault(place, str(wrong))


def user_id(reviewer: str) -> str:
    """The UUID under which a reviewer of ours leaves."""
    return str(uuid5(NAMESPACE_URL, f"rlaif:{reviewer}"))


def _record(task: Task) -> dict[str, Any]:
    by_principle = "\n".join(f"{id}: {text}" for id, text in task.principles)
    responses: dict[str, list[dict[str, str]]] = {}
    for answer in task.answers:
        who = user_id(answer.reviewer or "")
        responses.setdefault(PREFERENCE, []).append({"value": answer.choice, "user_id": who})
        if answer.reason:
            responses.setdefault(REASON, []).append({"value": answer.reason, "user_id": who})
    return {
        "id": task.id,
        "fields": {
            "prompt": [{"role": message.role, "content": shown(message.content)} for message in task.prompt],
            "left": shown(task.left),
            "right": shown(task.right),
            **({"principles": by_principle} if by_principle else {}),
        },
        "metadata": {},
        "suggestions": {},
        "responses": responses,
        "vectors": {},
    }


def _returned(record: Mapping[str, Any]) -> Iterator[Returned]:
    task = text_of(record, "id", MAX_NAME)
    fields, responses = (record.get(name) or {} for name in ("fields", "responses"))
    if not task or not isinstance(fields, dict) or not isinstance(responses, dict):
        raise Wrong(
            "a record has an id, and fields and responses by name; Argilla's records.to_json writes so"
        )
    left, right = (text_of(fields, side, _TEXT) if fields.get(side) else None for side in ("left", "right"))
    preferred, reasons = _by_user(responses, PREFERENCE), _by_user(responses, REASON)
    for who, value in preferred.items():
        answer = Answer(
            choice=choice_in(value),
            reviewer=who,
            reason=text_of({REASON: reasons.get(who)}, REASON, MAX_REASON),
        )
        yield Returned(task, answer, left, right)
    if not preferred:
        yield Returned(task, None, left, right)


def _by_user(responses: Mapping[str, Any], question: str) -> dict[str, Any]:
    listed = responses.get(question) or []
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise Wrong(f"responses.{question} must be a list of objects with value and user_id")
    found: dict[str, Any] = {}
    for one in listed:
        who = text_of(one, "user_id", MAX_NAME)
        if who in found:
            raise Wrong(f"responses.{question} has two answers of user {who!r}; keep the one that holds")
        if one.get("value") is not None and one.get("status", "submitted") == "submitted":
            found[who] = one["value"]
    return found
