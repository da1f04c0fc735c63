"""`rlaif show`: a unit of the store over what it came from, as a tree.

Each unit is spelled out once; where it comes up again, only its title stands. Ids of what stands below are left out.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from loop.commands.opening import open_store
from review.visible import visible
from store.node import Node
from store.provenance import trace

_LONG, _LINES = 400, 6
"""Characters and lines of a text that are shown without --full."""


def show_unit(id: str, run: str | None, url: str | None, output: Path, *, full: bool, as_json: bool) -> None:
    """Print the unit of this id over what it came from, and what it went into."""
    with open_store(url, output) as store:
        found = trace(store, id, run)
    if as_json:
        sys.stdout.write(json.dumps(asdict(found), indent=2) + "\n")
        return
    console = Console()
    console.print(Text(f"in run {visible(found.run)}", style="dim"))
    console.print(_tree(found.subject, set(), full=full))
    if found.used_by:
        went = Tree(Text("went into", style="bold"))
        for node in found.used_by:
            went.add(_title(node))
        if found.more:
            went.add(Text(f"and {found.more:,} more", style="dim"))
        console.print(went)


def _tree(node: Node, told: set[str], *, full: bool) -> Tree:
    title = _title(node)
    if node.id in told:
        return Tree(title.append("  (see above)", style="dim"))
    told.add(node.id)
    tree = Tree(title)
    below = {child.id for child in node.children}
    for name, value in node.fields.items():
        ids = value if isinstance(value, list) else [value]
        if value in (None, "", [], {}) or all(isinstance(id, str) and id in below for id in ids):
            continue
        tree.add(Text(f"{name}: ", style="dim").append(_value(value, full=full), style="not dim"))
    tree.children.extend(_tree(child, told, full=full) for child in node.children)
    if node.more:
        tree.add(Text(f"and {node.more:,} more", style="dim"))
    return tree


def _title(node: Node) -> Text:
    title = Text(visible(node.kind), style="bold").append(f" {visible(node.id)}", style="not bold cyan")
    return title.append(f"  {visible(node.title)}", style="not bold")


def _value(value: Any, *, full: bool) -> str:
    text = visible(_words(value))
    lines = text.splitlines()
    if full or (len(text) <= _LONG and len(lines) <= _LINES):
        return text
    kept = "\n".join(lines[:_LINES])[:_LONG]
    return f"{kept}… ({len(text) - len(kept):,} characters more; --full shows them)"


def _words(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list) and all(
        isinstance(turn, dict) and set(turn) == {"role", "content"} for turn in value
    ):
        return "\n".join(f"{turn['role']}: {turn['content']}" for turn in value)
    return json.dumps(value, ensure_ascii=False)
