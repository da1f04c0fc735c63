"""`rlaif export pairs`: the preference pairs of a run as JSON Lines, read from the store."""

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

from loop.commands.opening import open_run
from loop.errors import RunNotFound
from loop.pairs import pair_row
from store.run import RunStore
from store.scope import chunks

TRL = ("prompt", "chosen", "rejected")
"""The columns of trl's conversational preference format."""


def export_pairs(
    name: str,
    format: Literal["trl", "jsonl"],
    out: Path | None,
    index: int | None,
    url: str | None,
    output: Path,
) -> None:
    """Write one pair a line to `out`, or to stdout; `index` narrows them to one round."""
    with open_run(name, url, output) as store:
        played = sorted({marker.round for marker in store.markers() if marker.stage == "pair"})
        rounds = [r for r in played if index in (None, r)]
        if not rounds:
            raise RunNotFound(
                f"run {name} has no pairs{'' if index is None else f' of round {index}'} yet; rounds with pairs: "
                f"{', '.join(map(str, played)) or 'none'}"
            )
        with nullcontext(sys.stdout) if out is None else out.open("w", encoding="utf-8") as file:
            for row in (row for r in rounds for row in _rows(store, r)):
                kept = row if format == "jsonl" else {key: row[key] for key in TRL}
                file.write(json.dumps(kept) + "\n")


def _rows(store: RunStore, index: int) -> Iterator[dict[str, Any]]:
    prompts = {prompt.id: prompt for prompt in store.prompts("train")}
    for pairs in chunks(store.pairs(index)):
        samples = store.samples_of(pairs)
        for pair in pairs:
            yield {**pair_row(pair, samples, prompts), "round": pair.round}
