"""CSV for spreadsheets: a label or a task a row.

A cell that a spreadsheet would take for a formula gets an apostrophe before it, and loses it again when it is read. A
cell that had apostrophes of its own before such a sign gets one more, so that reading undoes exactly what writing did.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from review.errors import BadFile
from review.exchange.jsonl import label_in, returned_in
from review.exchange.reading import Wrong, decoded, marks_in
from review.exchange.tasks import Fault, Returned, Row, Task, as_text, shown
from store.records import Label

_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_ESCAPED = re.compile("'+[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")

LABELS = tuple(Label.model_fields)
TASKS = (
    "task", "prompt", "left", "right", "principles", "choice", "marks", "reason", "flagged", "seconds", "reviewer",
)  # fmt: skip
MAX_CELL = 16 * 1024 * 1024

csv.field_size_limit(MAX_CELL)  # the reader's own limit, 128 KiB, is less than an answer may have


def labels(of: Iterable[Label]) -> Iterator[str]:
    yield _row(LABELS)
    for label in of:
        values = label.model_dump(mode="json")
        yield _row([_cell(values[name]) for name in LABELS])


def tasks(of: Iterable[Task]) -> Iterator[str]:
    """A row for each answer, or one to be filled in where there is none."""
    yield _row(TASKS)
    for task in of:
        question = (
            task.id, as_text(task.prompt), shown(task.left), shown(task.right),
            "\n".join(f"{id}: {text}" for id, text in task.principles),
        )  # fmt: skip
        for answer in task.answers or (None,):
            if answer is None:
                yield _row([*question, *[""] * 6])
                continue
            marks = "; ".join(f"{id}={side}" for id, side in (answer.marks or {}).items())
            said = (
                answer.choice,
                marks,
                answer.reason,
                bool(answer.flagged),
                answer.seconds,
                answer.reviewer,
            )
            yield _row([*question, *map(_cell, said)])


def read(file: BinaryIO) -> Iterator[Row | Fault]:
    """Raises BadFile where the first row names no columns of ours."""
    reader = csv.reader(decoded(file), strict=True)
    try:
        names = next(reader, [])
        _check(names)
        while True:
            start = reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                return
            if any(cells):
                yield _read_row(f"line {start}", names, cells)
    except csv.Error as error:
        raise BadFile(
            f"line {reader.line_num}: no CSV that can be read: {error}. Cells with commas, quotes or line ends "
            "stand in double quotes, and a cell may have 16 MiB."
        ) from error


def escaped(cell: str) -> str:
    """A cell as it is written."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescaped(cell: str) -> str:
    """What `escaped` was given."""
    return cell[1:] if _ESCAPED.match(cell) else cell


def _check(names: list[str]) -> None:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadFile(f"line 1: the column {twice!r} stands twice; keep the one that holds.")
    if "task" in names:
        needed = {"task", "choice"}
    else:
        needed = {"item_id", "comparison_id", "value", "reviewer", "lane", "inclusion_probability", "id"}
    if missing := needed.difference(names):
        raise BadFile(
            f"line 1: no column {', '.join(sorted(missing))}. Labels have the columns {', '.join(LABELS)}; tasks have "
            f"{', '.join(TASKS)}."
        )


def _read_row(place: str, names: list[str], cells: list[str]) -> Row | Fault:
    if len(cells) != len(names):
        return Fault(place, f"{len(cells)} cells, and the first row names {len(names)} columns")
    values: dict[str, Any] = dict(zip(names, map(unescaped, cells), strict=True))
    try:
        return Row(place, _returned(values) if "task" in names else _label(values))
    except Wrong as wrong:
        return Fault(place, str(wrong))


def _label(values: Mapping[str, Any]) -> Label:
    kept = {name: value for name, value in values.items() if value != "" or name == "reason"}
    if marks := kept.pop("marks", ""):
        try:
            kept["marks"] = json.loads(marks)
        except ValueError as error:
            raise Wrong('marks must be JSON, such as {"correct": "first"}') from error
    return label_in(kept)


def _returned(values: Mapping[str, Any]) -> Returned:
    kept = {name: value for name, value in values.items() if name in TASKS and value != ""}
    flagged = kept.pop("flagged", "false").strip().lower()
    if flagged not in ("true", "false"):
        raise Wrong(f"flagged must be true or false, not {flagged[:40]!r}")
    try:
        seconds = float(kept.pop("seconds")) if "seconds" in kept else None
    except ValueError as error:
        raise Wrong("seconds must be a number") from error
    marks = marks_in(_marks(kept.pop("marks", "")))
    choice = kept.pop("choice", "").strip() or None
    return returned_in(
        {**kept, "choice": choice, "marks": marks, "flagged": flagged == "true", "seconds": seconds}
    )


def _marks(cell: str) -> dict[str, str]:
    """`correct=left; plain=same`."""
    found: dict[str, str] = {}
    for part in filter(None, (one.strip() for one in cell.split(";"))):
        id, sign, side = part.rpartition("=")
        if not sign or id.strip() in found:
            raise Wrong(f"marks are written as correct=left; plain=same, each id once, not {part[:40]!r}")
        found[id.strip()] = side.strip()
    return found


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


def _row(cells: Iterable[str]) -> str:
    """Every cell in quotes. Half a surrogate pair, which UTF-8 cannot hold, is written as U+FFFD."""
    file = io.StringIO(newline="")
    safe = (escaped(cell).encode("utf-16", "surrogatepass").decode("utf-16", "replace") for cell in cells)
    csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(safe)
    return file.getvalue()
