"""Pairs as token ids on disk: read, encoded, counted and ordered once, so that a crash loses none of it.

trl would encode each prompt three times, cut what is too long and drop what is left empty. Here chats are encoded as
everywhere in this package (`policy.chat`), which asserts that a prompt is a token prefix of prompt and answer; a
pair of which either answer is over the limit is left out whole and counted. Rows are ordered by length, so the
reference pass reads batches with little padding.

The file is Arrow, whose path and time trl's cache of reference log-probabilities is keyed by.
"""

import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets import Dataset
from pydantic import TypeAdapter, ValidationError

from policy.chat import Chats
from policy.errors import TrainingRefused
from store.records import Message

_MESSAGES = TypeAdapter(tuple[Message, ...])
_WINDOW = 2048
_SCHEMA = pa.schema(
    [
        ("prompt_ids", pa.list_(pa.int32())),
        ("chosen_ids", pa.list_(pa.int32())),
        ("rejected_ids", pa.list_(pa.int32())),
        ("length", pa.int32()),
    ]
)


def encode_pairs(pairs_file: Path, chats: Chats, max_length: int, target: Path) -> dict[str, int]:
    """Write the pairs of `pairs_file` as token ids to the Arrow file `target`; counts of pairs kept and left out.

    Does nothing but read the counts where `target` is complete. `length` is that of the longer of the two sequences.
    Raises `TrainingRefused` for a row that is not a pair, and where no pair is left.
    """
    counts_file = target.with_suffix(".json")
    if target.exists() and counts_file.exists():
        kept: dict[str, int] = json.loads(counts_file.read_text("utf-8"))
        return kept
    rows: list[dict[str, Any]] = []
    over = 0
    reader = _read(pairs_file)
    while window := list(islice(reader, _WINDOW)):
        encoded = list(_encode(window, chats))
        fitting = [row for row in encoded if row["length"] <= max_length]
        over += len(encoded) - len(fitting)
        rows += fitting
    if not rows:
        raise TrainingRefused(
            f"{pairs_file} has {over} pairs and none is within train.max_length {max_length} tokens. Raise it, or "
            "lower sampler.max_new_tokens."
        )
    rows.sort(key=lambda row: -row["length"])
    counts = {"pairs": len(rows) + over, "trained_pairs": len(rows), "over_length": over}
    _write(pa.Table.from_pylist(rows, _SCHEMA), target)
    counts_file.write_text(json.dumps(counts), "utf-8")
    return counts


def open_pairs(target: Path) -> Dataset:
    """The encoded pairs, read from disk as they are needed."""
    return Dataset.from_file(str(target))


def _encode(window: list[tuple[tuple[Message, ...], str, str]], chats: Chats) -> Iterator[dict[str, Any]]:
    prompts = [prompt for prompt, _, _ in window]
    prompt_ids, chosen = chats.answer_ids(prompts, [c for _, c, _ in window])
    _, rejected = chats.answer_ids(prompts, [r for _, _, r in window])
    for p, c, r in zip(prompt_ids, chosen, rejected, strict=True):
        yield {"prompt_ids": p, "chosen_ids": c, "rejected_ids": r, "length": len(p) + max(len(c), len(r))}


def _read(pairs_file: Path) -> Iterator[tuple[tuple[Message, ...], str, str]]:
    with pairs_file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                prompt = _MESSAGES.validate_python(row["prompt"])
                [chosen] = _MESSAGES.validate_python(row["chosen"])
                [rejected] = _MESSAGES.validate_python(row["rejected"])
            except (ValueError, KeyError, TypeError, ValidationError) as error:
                raise TrainingRefused(
                    f"{pairs_file}:{number}: not a pair ({type(error).__name__}: {error}). Each line has prompt, "
                    "chosen and rejected, each a list of messages, the last two of one assistant message."
                ) from error
            yield prompt, chosen.content, rejected.content


def _write(table: pa.Table, target: Path) -> None:
    unfinished = target.with_suffix(".tmp")
    with pa.OSFile(str(unfinished), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)
    os.replace(unfinished, target)
