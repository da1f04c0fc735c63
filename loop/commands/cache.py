"""`rlaif cache`: what is kept of external judges' answers, and making room."""

import json
import re
import sys
from datetime import timedelta
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from judge.cost import dollars
from loop.commands.opening import open_store
from loop.errors import ConfigError
from review.visible import visible
from store.judge_calls import JudgeCalls, KeptCalls

_DAYS = {"m": 1 / 1440, "h": 1 / 24, "d": 1.0, "w": 7.0}
_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def show_cache(url: str | None, output: Path, *, as_json: bool) -> None:
    """Kept answers by model and address."""
    with open_store(url, output) as store:
        kept = JudgeCalls(store.database).kept()
    if as_json:
        sys.stdout.write(json.dumps([_entry(one) for one in kept], indent=2) + "\n")
        return
    console = Console()
    if not kept:
        console.print("No answer of an external judge is kept in this store.")
        return
    table = Table(box=box.SIMPLE_HEAD, padding=0, header_style="bold")
    for column in ("model", "address", "answers", "size", "cost when asked", "last used"):
        table.add_column(column, overflow="fold")
    for one in kept:
        table.add_row(
            Text(visible(one.model), style="bold"),
            Text(visible(one.endpoint)),
            Text(f"{one.calls:,}"),
            Text(size(one.bytes)),
            Text(dollars(one.cost_usd)),
            Text(f"{one.last_used:%Y-%m-%d}"),
        )
    console.print(table)


def prune_cache(
    url: str | None, output: Path, older_than: str | None, max_size: str | None, *, as_json: bool
) -> None:
    """Drop answers by age and size. Raises ConfigError for a length of time or a size that cannot be read."""
    if older_than is None and max_size is None:
        raise ConfigError("cache prune: say what to drop with --older-than 30d, --max-size 1GB, or both")
    age = None if older_than is None else read_age(older_than)
    limit = None if max_size is None else read_size(max_size)
    with open_store(url, output) as store:
        dropped, freed = JudgeCalls(store.database).prune(age, limit)
    if as_json:
        sys.stdout.write(json.dumps({"dropped": dropped, "bytes": freed}) + "\n")
    else:
        Console().print(f"Dropped {dropped:,} answers ({size(freed)}). What they cost stays counted.")


def read_age(text: str) -> timedelta:
    """A length of time such as 30d, 12h, 45m or 2w."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([mhdw])", text.strip().lower())
    if found is None:
        raise ConfigError(f"--older-than {text}: write a number and m, h, d or w, such as 30d")
    return timedelta(days=float(found[1]) * _DAYS[found[2]])


def read_size(text: str) -> int:
    """A number of bytes such as 1GB, 500MB, 2GiB or 0."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]i?|)b?", text.strip().lower())
    if found is None:
        raise ConfigError(
            f"--max-size {text}: write a number of bytes, or one with kB, MB or GB, such as 1GB"
        )
    return int(float(found[1]) * _BYTES[found[2]])


def size(count: int) -> str:
    """Bytes for people."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"


def _entry(kept: KeptCalls) -> dict[str, object]:
    return {
        "model": kept.model,
        "endpoint": kept.endpoint,
        "calls": kept.calls,
        "bytes": kept.bytes,
        "cost_usd": kept.cost_usd,
        "oldest": kept.oldest.isoformat(),
        "last_used": kept.last_used.isoformat(),
    }
