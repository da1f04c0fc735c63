"""Our own format: JSON Lines, one label or task a line, labels with everything the store knows of them.

The first line says what the file is. Later lines tell by `kind` what they are, so that labels and answers may stand in
one file. Written in ASCII: what a model said may hold half a surrogate pair, which JSON can carry and UTF-8 cannot.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from pydantic import ValidationError

from review.errors import BadFile
from review.exchange.reading import MAX_NAME, Wrong, answer_in, lines, parsed, said, text_of
from review.exchange.tasks import Answer, Fault, Returned, Row, Task
from store.records import Label

VERSION = 1
_FREE = 16 * 1024 * 1024  # texts that are only compared


def labels(of: Iterable[Label]) -> Iterator[str]:
    yield _about("labels")
    for label in of:
        yield _line({"kind": "label", **label.model_dump(mode="json")})


def tasks(of: Iterable[Task]) -> Iterator[str]:
    """A line for each answer, or one to be filled in where there is none."""
    yield _about("tasks")
    for task in of:
        question = {
            "kind": "task",
            "task": task.id,
            "prompt": [{"role": message.role, "content": message.content} for message in task.prompt],
            "left": task.left,
            "right": task.right,
            "principles": [{"id": id, "text": text} for id, text in task.principles],
        }
        for answer in task.answers or (None,):
            yield _line({**question, **_filled(answer)})


def read(file: BinaryIO) -> Iterator[Row | Fault]:
    """Raises BadFile where the file is none of ours, or of a later version."""
    for place, line in lines(file):
        try:
            values = parsed(line)
            if not isinstance(values, dict):
                raise Wrong("a line is one JSON object")
            kind = values.get("kind")
            if kind == "about":
                _check(values)
            elif kind == "label":
                yield Row(place, label_in(values))
            elif kind == "task":
                yield Row(place, returned_in(values))
            else:
                raise Wrong("kind must be label or task. Other formats have their own --format")
        except Wrong as wrong:
            yield Fault(place, str(wrong))


def label_in(values: Mapping[str, Any]) -> Label:
    """A label from its fields. Raises Wrong, also where its id is not that of what it says."""
    fields = {name: value for name, value in values.items() if name not in ("kind", "id")}
    try:
        label = Label.model_validate(fields)
    except ValidationError as error:
        raise Wrong(said(error)) from error
    if label.created_at.tzinfo is None:
        raise Wrong("created_at has no time zone; write it as 2026-01-31T12:00:00Z")
    if values.get("id") != label.id:
        raise Wrong(
            f"id is not that of this label ({label.id}): its item, reviewer, revision or value was changed"
        )
    return label


def returned_in(values: Mapping[str, Any]) -> Returned:
    """A task that came back in our own columns. Raises Wrong."""
    task = text_of(values, "task", MAX_NAME)
    if not task:
        raise Wrong("task is missing: the name under which the question was exported (task_…)")
    left, right = (text_of(values, side, _FREE) if values.get(side) else None for side in ("left", "right"))
    return Returned(task, answer_in(values), left, right)


def _filled(answer: Answer | None) -> dict[str, Any]:
    if answer is None:
        return {"choice": None, "marks": {}, "reason": "", "flagged": False, "reviewer": None}
    return {
        "choice": answer.choice,
        "marks": dict(answer.marks or {}),
        "reason": answer.reason,
        "flagged": bool(answer.flagged),
        "seconds": answer.seconds,
        "reviewer": answer.reviewer,
    }


def _check(values: Mapping[str, Any]) -> None:
    version = values.get("version")
    if values.get("format") != "rlaif" or not isinstance(version, int):
        raise Wrong("the first line names another format; check --format")
    if version > VERSION:
        raise BadFile(f"this file was written by a later version of rlaif (format {version}). Update rlaif.")


def _about(what: str) -> str:
    return _line({"kind": "about", "format": "rlaif", "version": VERSION, "what": what})


def _line(values: Mapping[str, Any]) -> str:
    return json.dumps(values) + "\n"
