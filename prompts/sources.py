"""Reading the rows of a source of prompts, each with the place it stands at.

A source is a JSONL or Parquet file, a folder of a Hugging Face dataset, or a dataset's id on the hub. The readers of
the last three import heavy libraries, so they are modules of their own and are imported when a source needs them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from prompts.errors import BadSource
from prompts.prompt import Split

_READERS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".parquet": "parquet", ".pq": "parquet"}


@dataclass(frozen=True)
class RawRow:
    """A row as read. `values` is None where it could not be, and `problem` says why."""

    where: str
    values: dict[str, Any] | None
    split: Split | None = None
    """The split of the data set that it stands in, where there is one."""
    problem: str = ""


def read_rows(source: str, config: str | None = None, revision: str | None = None) -> Iterator[RawRow]:
    """The rows of `source` in order; `config` and `revision` are those of a hub dataset.

    Raises `BadSource` where there is nothing to read.
    """
    path = Path(source).expanduser()
    if path.is_file():
        reader = _READERS.get(path.suffix.lower())
        if reader is None:
            raise BadSource(f"{source}: cannot tell the format from {path.suffix!r}; use .jsonl or .parquet.")
        if reader == "jsonl":
            yield from _read_jsonl(path, source)
        else:
            yield from import_module("prompts.parquet").read_parquet(path, source)
    elif path.is_dir():
        yield from import_module("prompts.hub").read_folder(path, source)
    elif path.suffix.lower() in _READERS or source.startswith((".", "/", "~")) or source.count("/") > 1:
        raise BadSource(f"{source}: no such file or folder. Check the path (relative to {Path.cwd()}).")
    else:
        yield from import_module("prompts.hub").read_hub(source, config, revision)


def _read_jsonl(path: Path, name: str) -> Iterator[RawRow]:
    """One JSON object a line. Lines end at newlines only: other separators may stand inside a JSON string."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if number == 1:
                    line = line.removeprefix(b"\xef\xbb\xbf")
                if line.strip():
                    yield _parse(f"{name}:{number}", line.rstrip(b"\r\n"))
    except OSError as error:
        raise BadSource(f"{name}: cannot read: {error.strerror}.") from error


def _parse(where: str, line: bytes) -> RawRow:
    try:
        values = json.loads(line.decode("utf-8"), object_pairs_hook=_without_repeats)
    except UnicodeDecodeError as error:
        return RawRow(where, None, problem=f"not UTF-8 (byte {error.start} of the line)")
    except json.JSONDecodeError as error:
        return RawRow(where, None, problem=f"not JSON (column {error.colno}: {error.msg})")
    except RecursionError:
        return RawRow(where, None, problem="not usable JSON: nested too deeply")
    except _RepeatedKey as error:
        return RawRow(where, None, problem=f"key {error.args[0]!r} stands twice in one object")
    if not isinstance(values, dict):
        hint = "; write one object a line instead of one list" if isinstance(values, list) else ""
        return RawRow(where, None, problem=f"not a JSON object{hint}")
    return RawRow(where, values)


class _RepeatedKey(Exception):
    pass


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _RepeatedKey(next(key for key in keys if keys.count(key) > 1))
    return values
