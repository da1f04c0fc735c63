"""Policy revisions and the decisions between them."""

from collections.abc import Iterable

import sqlalchemy as sa

from store import tables
from store.effects import LabelEffect
from store.errors import NotFound
from store.records import Checkpoint, Decision
from store.scope import RunScope, chunks, columns_of

_CHECKPOINTS, _DECISIONS = tables.checkpoints, tables.decisions


class Revisions(RunScope):
    """The part of a run's store that holds checkpoints and decisions."""

    def add_checkpoint(self, checkpoint: Checkpoint) -> bool:
        """Add a checkpoint; False where its revision is stored already."""
        with self.database.write() as connection:
            return self._add(connection, _CHECKPOINTS, [checkpoint.model_dump()]) == 1

    def checkpoint(self, id: str) -> Checkpoint:
        """Raises `NotFound`."""
        return self._one(Checkpoint, _CHECKPOINTS, id)

    def checkpoints(self) -> list[Checkpoint]:
        """By round, then time."""
        query = sa.select(*columns_of(Checkpoint, _CHECKPOINTS)).where(_CHECKPOINTS.c.run == self.name)
        return self._all(
            Checkpoint, query.order_by(_CHECKPOINTS.c.round, _CHECKPOINTS.c.created_at, _CHECKPOINTS.c.id)
        )

    def add_decision(self, decision: Decision, effects: Iterable[LabelEffect] = ()) -> Decision:
        """Add a decision after those there, with what labels did to it, and return the one that stands.

        A round is decided once: where its decision is stored already, that one stands, and `effects` are not added.
        Rollbacks always append.
        """
        with self.database.write() as connection:
            self._lock(connection)
            query = sa.select(_DECISIONS).where(_DECISIONS.c.run == self.name).order_by(_DECISIONS.c.position)
            rows = connection.execute(query).all()
            for row in rows:
                if decision.kind != "rollback" and row.kind != "rollback" and row.round == decision.round:
                    return Decision(**{name: row._mapping[name] for name in Decision.model_fields})
            self._add(connection, _DECISIONS, [{**decision.model_dump(), "position": len(rows)}])
            for chunk in chunks(effects):
                self._add(connection, tables.label_effects, [effect.model_dump() for effect in chunk])
        return decision

    def decisions(self) -> list[Decision]:
        """In the order they were taken."""
        query = sa.select(*columns_of(Decision, _DECISIONS)).where(_DECISIONS.c.run == self.name)
        return self._all(Decision, query.order_by(_DECISIONS.c.position))

    def current_policy(self) -> str:
        """The revision that the last decision left in place, or the one the run started from.

        Raises `NotFound` before a run has its first checkpoint.
        """
        last = sa.select(_DECISIONS.c.policy).where(_DECISIONS.c.run == self.name)
        first = sa.select(_CHECKPOINTS.c.id).where(_CHECKPOINTS.c.run == self.name, _CHECKPOINTS.c.round == 0)
        with self.database.read() as connection:
            revision = connection.scalar(last.order_by(_DECISIONS.c.position.desc()).limit(1))
            revision = revision or connection.scalar(first.order_by(_CHECKPOINTS.c.created_at).limit(1))
        if revision is None:
            raise NotFound(f"run {self.name!r} has no policy yet: add its round-0 checkpoint first.")
        return str(revision)
