"""Rows of a Hugging Face dataset, from a folder or the hub. A module of its own: it alone imports `datasets`.

Only data is read: this version of `datasets` runs no loading scripts.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import datasets

from prompts.errors import BadSource
from prompts.rows import split_named
from prompts.sources import RawRow


def read_folder(path: Path, name: str) -> Iterator[RawRow]:
    """Rows of a folder written by `save_to_disk`, or of data files laid out as `load_dataset` expects."""
    saved = any((path / marker).is_file() for marker in ("dataset_dict.json", "state.json"))
    try:
        found = datasets.load_from_disk(str(path)) if saved else datasets.load_dataset(str(path))
    except (
        Exception
    ) as error:  # `datasets` raises whatever its readers do; each means that this folder is of no use
        raise BadSource(f"{name}: cannot read as a dataset: {_first_line(error)}") from error
    yield from _rows(found, name)


def read_hub(id: str, config: str | None, revision: str | None) -> Iterator[RawRow]:
    """Rows of a dataset on the hub, fetched once and cached by `datasets`."""
    try:
        found = datasets.load_dataset(id, name=config, revision=revision)
    except Exception as error:  # as above, and the network's errors
        raise BadSource(
            f"{id}: neither a file or folder here nor a dataset on the hub that can be read: {_first_line(error)}"
        ) from error
    yield from _rows(found, id)


def _rows(found: Any, name: str) -> Iterator[RawRow]:
    if not isinstance(found, Mapping):
        found = {"": found}
    splits = {split: split_named(split) for split in found}
    unknown = [split for split, meaning in splits.items() if meaning is None]
    if unknown and len(splits) > 1:
        raise BadSource(
            f"{name}: cannot tell whether split {', '.join(unknown)} is train or held-out. Export the rows you want "
            "to JSONL with a `split` column."
        )
    for split, rows in found.items():
        # A lone `train` split is how data without splits is published: it says nothing.
        meaning = splits[split] if len(splits) > 1 else None
        where = f"{name}[{split}]" if split else name
        for number, values in enumerate(rows, start=1):
            yield RawRow(f"{where} row {number}", values, meaning)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
