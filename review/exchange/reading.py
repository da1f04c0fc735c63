"""Reading files that others wrote: strict about what they hold, exact about where it is wrong.

JSON is read as its standard has it: a key twice in an object, NaN and infinity are refused, where Python's reader would
take the last and go on. Text is UTF-8. Every refusal says where, what is wrong and what to do.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, TypeVar, cast, get_args

from pydantic import ValidationError

from review.errors import BadFile
from review.exchange.tasks import Answer, Fault, Row
from review.questions import Choice, SideMark

MAX_BYTES = 256 * 1024 * 1024
"""Of a file; one that is larger is no file of labels."""
MAX_REASON = 4000
"""Characters of a reason, as in the queue."""
MAX_NAME = 200
"""Characters of a reviewer's name, an id or a stamp."""
MAX_SECONDS = 86400.0
MAX_FAULTS = 20
"""Faults that are listed; a file in the wrong format has one a line."""

_CHOICES: tuple[str, ...] = get_args(Choice)
_SIDES: tuple[str, ...] = get_args(SideMark)
NamedT = TypeVar("NamedT", bound=Row | Fault)


class Wrong(Exception):
    """A row that cannot be read; becomes a `Fault` at its place."""


def lines(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """The lines of a file that are not blank, each with its place. Raises BadFile."""
    for number, line in enumerate(decoded(file), 1):
        if line.strip():
            yield f"line {number}", line


def decoded(file: BinaryIO) -> Iterator[str]:
    """Every line of a file with its end. Raises BadFile."""
    for number, raw in enumerate(file, 1):
        try:
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise _not_utf8(f"line {number}", error) from error


def whole(file: BinaryIO) -> str:
    """All of a file. Raises BadFile."""
    raw = file.read()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _not_utf8(f"line {line}", error) from error


def _not_utf8(place: str, error: UnicodeDecodeError) -> BadFile:
    return BadFile(
        f"{place}: byte 0x{error.object[error.start]:02X} is not UTF-8. Save the file as UTF-8 and import it again."
    )


def parsed(text: str) -> Any:
    """A JSON value. Raises Wrong."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise Wrong(f"no JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise Wrong("JSON that is nested too deep") from error
    except ValueError as error:  # a number of thousands of digits
        raise Wrong(f"no JSON that can be read: {error}") from error


def records(file: BinaryIO, what: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of a file that is one JSON list, each with its place. Raises BadFile."""
    try:
        value = parsed(whole(file))
    except Wrong as error:
        raise BadFile(f"{error}. {what} is one JSON list of objects.") from error
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise BadFile(f"{what} is one JSON list of objects; this file holds something else. Check --format.")
    for number, one in enumerate(value, 1):
        yield f"record {number}", one


def settled(rows: Iterable[Row | Fault]) -> list[Row]:
    """The rows of a file without a fault. Raises BadFile with the first of them where there is any."""
    good: list[Row] = []
    faults: list[Fault] = []
    for row in rows:
        if isinstance(row, Row):
            good.append(row)
        else:
            faults.append(row)
    refuse(faults)
    return good


def refuse(faults: list[Fault]) -> None:
    """Raise BadFile where there are faults."""
    if not faults:
        return
    told = tuple(f"{fault.place}: {fault.message}" for fault in faults[:MAX_FAULTS])
    if len(faults) > MAX_FAULTS:
        told += (f"… and {len(faults) - MAX_FAULTS} more",)
    many = f"{len(faults)} rows" if len(faults) > 1 else "a row"
    raise BadFile(f"nothing was imported: {many} of this file cannot be. Mend and import it again:", told)


def text_of(values: Mapping[str, Any], name: str, most: int, default: str = "") -> str:
    """A text of a row. Raises Wrong for another value, or a longer one."""
    value = values.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise Wrong(f"{name} must be a text, not {_kind(value)}")
    if len(value) > most:
        raise Wrong(f"{name} has {len(value):,} characters; {most:,} is the most. Shorten it")
    return value


def choice_in(value: Any) -> Choice:
    """Raises Wrong for what is no answer."""
    if value not in _CHOICES:
        raise Wrong(f"{_short(value)} is not an answer; the answers are {', '.join(_CHOICES)}")
    return cast(Choice, value)


def marks_in(value: Any) -> dict[str, SideMark]:
    """Marks by principle id. Raises Wrong."""
    if not isinstance(value, dict) or len(value) > 200:
        raise Wrong("marks must be an object that names the better side (left, right, same) by principle id")
    for id, side in value.items():
        if side not in _SIDES or len(id) > MAX_NAME:
            raise Wrong(f"{_short(side)} is not a mark of {_short(id)}; the marks are {', '.join(_SIDES)}")
    return value


def seconds_in(value: Any) -> float | None:
    """How long somebody looked; None where it is not said, or is no time for which anybody looks."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= MAX_SECONDS:
        return None
    return float(value)


def answer_in(values: Mapping[str, Any]) -> Answer | None:
    """The answer of a row in our own columns; None where its choice is empty. Raises Wrong."""
    if values.get("choice") in (None, ""):
        return None
    flagged = values.get("flagged") or False
    if not isinstance(flagged, bool):
        raise Wrong(f"flagged must be true or false, not {_short(flagged)}")
    return Answer(
        choice=choice_in(values["choice"]),
        reviewer=text_of(values, "reviewer", MAX_NAME).strip() or None,
        marks=marks_in(values.get("marks") or {}),
        reason=text_of(values, "reason", MAX_REASON),
        flagged=flagged,
        seconds=seconds_in(values.get("seconds")),
    )


def said(error: ValidationError) -> str:
    """What is wrong with a record, in a sentence."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(step)[:80] for step in first["loc"][:4])
    return f"{where}: {first['msg']}" if where else str(first["msg"])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Wrong(f"the key {_short(twice)} stands twice in one object; keep the one that holds")
    return made


def _constant(name: str) -> Any:
    raise Wrong(f"{name} is no JSON number")


def _kind(value: Any) -> str:
    names: dict[type, str] = {bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "an object")


def _short(value: Any) -> str:
    told = repr(value)
    return told if len(told) <= 60 else told[:59] + "…"
