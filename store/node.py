"""A node of a provenance tree: a unit, what is known of it, and what it came from or went into."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Node:
    """`title` is one line; `fields` are JSON values by name, long texts whole; `children` are nodes below it.

    `kind` is a kind of unit (see `store.store.KINDS`), a kind of text (`prompt text`, `template`, `constitution`),
    or `policy` for a revision that the run keeps no checkpoint of. `more` counts children that were left out.
    """

    kind: str
    id: str
    title: str
    fields: dict[str, Any] = field(default_factory=dict)
    children: tuple["Node", ...] = ()
    more: int = 0
