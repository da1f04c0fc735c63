"""Provenance: from any unit back to what made it, and forward to what was made of it."""

from dataclasses import dataclass

from store.node import Node
from store.origins import Origins
from store.store import Store
from store.uses import Uses


@dataclass(frozen=True)
class Provenance:
    """`subject` stands over what it came from; `used_by` are the units it went into (`more` are left out)."""

    run: str
    subject: Node
    used_by: tuple[Node, ...]
    more: int = 0


def trace(store: Store, id: str, run: str | None = None, limit: int = 20) -> Provenance:
    """Walk from the unit of this id, or unique beginning of one; `run` says which where several runs have it.

    At most `limit` uses, and pairs of a checkpoint, are listed. Raises `NotFound`, `AmbiguousId`.
    """
    found = store.find(id, run)
    record = store.run(found.run).record
    subject = Origins(store.database, record).of(found.kind, found.id, limit)
    uses = Uses(store.database, record).of(found.kind, found.id)
    return Provenance(found.run, subject, tuple(uses[:limit]), max(0, len(uses) - limit))
