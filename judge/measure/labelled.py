"""Labelled comparisons: what people said of two answers to a prompt, read from the formats such data comes in.

A format is recognised by the fields of a file's first row (`judge.measure.labelled_formats` lists them), in JSON
Lines, a JSON array or Parquet; a folder is read file by file, each a subset of its own name. Reading is strict, as
for prompts: a row that is no labelled comparison refuses the whole, with file, line and reason for every such row,
because figures over the rest would be figures of another data set.

Left out: data sets on the hub (fetch the file; figures should name bytes), and ratings of single answers.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from judge.errors import BadLabelledData
from judge.measure.labelled_formats import FORMATS, LabelledRow, Reader
from prompts.hashing import content_hash
from prompts.parquet import read_parquet
from prompts.prompt import Prompt
from prompts.rows import RowRefused
from prompts.sources import RawRow, read_rows
from store.records import Comparison, Sample

SHOWN = 20
"""Bad rows listed in one error."""

_SUFFIXES = (".json", ".jsonl", ".ndjson", ".parquet")


@dataclass(frozen=True)
class Labelled:
    """A comparison that people labelled. `label` is their verdict on its two samples, `where` its file and line."""

    comparison: Comparison
    label: Literal["first", "second", "tie"]
    subset: str
    where: str

    @property
    def longer(self) -> Literal["first", "second", "neither"]:
        """The sample with more characters."""
        first, second = len(self.comparison.first.text), len(self.comparison.second.text)
        return "first" if first > second else "second" if second > first else "neither"


@dataclass(frozen=True)
class LabelledSet:
    """The rows of one file or folder. `hash` is over what was labelled and how, whatever the format or file."""

    place: str
    formats: tuple[str, ...]
    rows: tuple[Labelled, ...]
    hash: str


def read_labelled(place: Path | str, constitution: str = "") -> LabelledSet:
    """Read the labelled comparisons in `place`, made under the constitution of that content hash.

    Raises `judge.errors.BadLabelledData` that lists every bad row, and `prompts.errors.BadSource` for what cannot be
    read at all.
    """
    found: list[tuple[LabelledRow, str, str]] = []
    formats: list[str] = []
    problems: list[str] = []
    files = _files(Path(place).expanduser())
    for path, subset in files:
        reader: Reader | None = None
        for row in _raw_rows(path):
            if row.values is None:
                problems.append(f"{row.where}: {row.problem}")
                continue
            if reader is None:
                name, reader = _recognise(row)
                formats.append(name)
            try:
                read = reader(row.values)
            except RowRefused as refused:
                problems.append(f"{row.where}: {refused}")
                continue
            found.append((read, read.subset or subset, row.where))
    if problems:
        more = f"\n  and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        listed = "\n  ".join(problems[:SHOWN])
        rows = "1 row is" if len(problems) == 1 else f"{len(problems)} rows are"
        raise BadLabelledData(f"{rows} no labelled comparison; mend or remove:\n  {listed}{more}")
    if not found:
        raise BadLabelledData(f"{place}: no rows; expected {_known_formats()}")
    rows_of = [
        _labelled(n, read, subset, where, constitution) for n, (read, subset, where) in enumerate(found)
    ]
    return LabelledSet(str(place), tuple(dict.fromkeys(formats)), tuple(rows_of), _hash(rows_of))


def _files(place: Path) -> list[tuple[Path, str]]:
    """The files to read, each with the subset that its rows belong to where they name none."""
    if place.is_file():
        return [(place, "")]
    if not place.is_dir():
        raise BadLabelledData(f"{place}: no such file or folder (relative to {Path.cwd()})")
    paths = sorted(
        path
        for path in place.rglob("*")
        if path.suffix.lower() in _SUFFIXES
        and not any(p.startswith(".") for p in path.relative_to(place).parts)
    )
    if not paths:
        raise BadLabelledData(f"{place}: holds no {', '.join(_SUFFIXES)} file")
    if len(paths) == 1:
        return [(paths[0], "")]
    names = [path.relative_to(place).with_suffix("").as_posix() for path in paths]
    # A data set may keep each subset in a folder, in a file of always the same name.
    return [(path, name.removesuffix("/dataset")) for path, name in zip(paths, names, strict=True)]


def _recognise(row: RawRow) -> tuple[str, Reader]:
    fields = (row.values or {}).keys()
    for name, needed, reader in FORMATS:
        if set(needed) <= fields:
            return name, reader
    raise BadLabelledData(f"{row.where}: fields {', '.join(fields) or 'none'}; expected {_known_formats()}")


def _known_formats() -> str:
    return "; or ".join(f"{', '.join(needed)} ({name})" for name, needed, _ in FORMATS)


def _raw_rows(path: Path) -> Iterator[RawRow]:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return read_parquet(path, str(path))
    if suffix == ".json" and _begins_list(path):
        return _array(path)
    return read_rows(str(path))


def _begins_list(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")


def _array(path: Path) -> Iterator[RawRow]:
    """The objects of a JSON array, each with the line it begins at."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadLabelledData(f"{path}: not UTF-8 (byte {error.start})") from error
    decoder = json.JSONDecoder()
    at, line, counted = text.index("[") + 1, 1, 0
    while True:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        line, counted = line + text.count("\n", counted, at), at
        where = f"{path}:{line}"
        if text.startswith("]", at):
            return
        try:
            values, at = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError) as error:
            # Where one element ends is not known, so nothing after it can be read either.
            yield RawRow(where, None, problem=f"not JSON from here on ({error})")
            return
        if isinstance(values, dict):
            yield RawRow(where, values)
        else:
            yield RawRow(where, None, problem="not a JSON object")


def _labelled(number: int, row: LabelledRow, subset: str, where: str, constitution: str) -> Labelled:
    prompt = Prompt(
        messages=row.asked.messages,
        split="heldout",
        source=where,
        tags=row.asked.tags,
        reference=row.asked.reference,
    )
    samples = [
        _sample(prompt, 2 * number + place, text) for place, text in enumerate((row.first, row.second))
    ]
    comparison = Comparison(
        prompt=prompt,
        first=samples[0],
        second=samples[1],
        round=0,
        purpose="gate",
        constitution=constitution,
    )
    return Labelled(comparison, row.label, subset, where)


def _sample(prompt: Prompt, index: int, text: str) -> Sample:
    """The answer as a sample. Who wrote it and in how many tokens is not known; its id follows from text and place."""
    return Sample(
        prompt_id=prompt.id,
        policy="labelled",
        round=0,
        purpose="gate",
        index=index,
        seed=0,
        settings=content_hash(text),
        text=text,
        tokens=0,
        finish_reason="stop",
    )


def _hash(rows: Sequence[Labelled]) -> str:
    said: list[Any] = [
        [
            [[m.role, m.content] for m in c.prompt.messages],
            *([] if c.prompt.reference is None else [c.prompt.reference]),
            c.first.text,
            c.second.text,
            row.label,
            row.subset,
        ]
        for row in rows
        for c in (row.comparison,)
    ]
    return content_hash(json.dumps(said, ensure_ascii=True, separators=(",", ":")))
