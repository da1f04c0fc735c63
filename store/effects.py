"""The ledger: what each label changed, written by the stage at which it did.

At the pair stage a label enters one training set, and which labels did is decided before the pairs are written: the
entries of a stage and the marker that says they are whole go in together, so that a stage that died in between finds
the same labels again, whatever people answered meanwhile.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from pydantic import Field

from prompts.hashing import content_id
from store import tables
from store.errors import NotFound
from store.records import Label, Record, StageMarker
from store.scope import RunScope, chunks, columns_of

_EFFECTS, _LABELS, _ITEMS = tables.label_effects, tables.labels, tables.review_items
_ORDER = tuple(_EFFECTS.c[name] for name in ("round", "stage", "position", "id"))

EffectStage = Literal["pair", "gate", "audit", "calibration"]
"""Where a label had its effect: in the pairs, in the decision, in the measure of the judge, in a calibration."""

Effect = Literal["added", "flipped", "dropped", "confirmed", "counted", "turned", "nothing"]
"""What it did there.

In pairs: `added` one that the judge alone did not give, `flipped` one, `dropped` one, `confirmed` one, or `nothing`. In
a decision, a measure or a calibration: `counted`, or `turned` where the decision would have been another without the
labels that counted.
"""


class LabelEffect(Record):
    """An entry of the ledger: what one label changed in one stage of one round, and where it changed nothing, why.

    `round` is the round in whose stage it acted; of a calibration, which is learned outside the rounds, the label's
    own. `subject` is what it acted on: the id of a pair, of a candidate's checkpoint, or of a calibration.
    """

    label_id: str
    comparison_id: str
    reviewer: str
    round: int = Field(ge=0)
    stage: EffectStage
    position: int = Field(ge=0)
    """The label's place among those of the stage."""
    effect: Effect
    why: str
    """A short name of the reason (`before_pairing`, `undecided`, `not_random`, …)."""
    subject: str | None = None
    detail: dict[str, Any] = Field(default_factory=dict)
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    id: str = Field(
        default_factory=lambda d: content_id("eff", d["label_id"], d["round"], d["stage"], d["subject"] or "")
    )


class EffectPage(NamedTuple):
    """Some entries in order, and the id to ask on after, or None where there are no more."""

    effects: tuple[LabelEffect, ...]
    next: str | None


class Effects(RunScope):
    """The part of a run's store that holds the ledger."""

    def enter(self, effects: Iterable[LabelEffect], marker: StageMarker) -> None:
        """Write a stage's entries and the marker that says they are whole, together or not at all."""
        with self.database.write() as connection:
            for chunk in chunks(effects):
                self._add(connection, _EFFECTS, [effect.model_dump() for effect in chunk])
            self._add(connection, tables.stage_markers, [marker.model_dump()])

    def add_effects(self, effects: Iterable[LabelEffect]) -> int:
        """Add entries; how many were new. Raises `BadUnit` where a label is not stored."""
        added = 0
        for chunk in chunks(effects):
            with self.database.write() as connection:
                added += self._add(connection, _EFFECTS, [effect.model_dump() for effect in chunk])
        return added

    def effects(
        self,
        *,
        round: int | None = None,
        stage: EffectStage | None = None,
        reviewer: str | None = None,
        label_id: str | None = None,
        comparison_id: str | None = None,
        effect: Effect | None = None,
    ) -> Iterator[LabelEffect]:
        """The ledger by round, stage and position; each condition given narrows it."""
        query = self._effects(round, stage, reviewer, label_id, comparison_id, effect)
        if label_id is None and comparison_id is None:
            return self._records(LabelEffect, query, _ORDER)
        # A few rows, found by their own index: asked for in order, a planner would walk the whole ledger for them.
        found = self._all(LabelEffect, query)
        return iter(sorted(found, key=lambda one: (one.round, one.stage, one.position, one.id)))

    def effect_page(
        self,
        *,
        after: str | None = None,
        limit: int = 50,
        round: int | None = None,
        stage: EffectStage | None = None,
        reviewer: str | None = None,
        label_id: str | None = None,
        comparison_id: str | None = None,
        effect: Effect | None = None,
    ) -> EffectPage:
        """At most `limit` entries that follow the one of id `after`. Raises `NotFound` for an unknown one."""
        query = self._effects(round, stage, reviewer, label_id, comparison_id, effect)
        if after is not None:
            last = self.effect(after)
            key = (last.round, last.stage, last.position, last.id)
            typed = [sa.literal(value, column.type) for value, column in zip(key, _ORDER, strict=True)]
            query = query.where(sa.tuple_(*_ORDER) > sa.tuple_(*typed))
        found = self._all(LabelEffect, query.order_by(*_ORDER).limit(limit + 1))
        return EffectPage(tuple(found[:limit]), found[limit - 1].id if len(found) > limit else None)

    def effect(self, id: str) -> LabelEffect:
        """Raises `NotFound`."""
        found = self._all(
            LabelEffect, self._effects(None, None, None, None, None, None).where(_EFFECTS.c.id == id)
        )
        if not found:
            raise NotFound(f"run {self.name!r} has no entry {id!r} in its ledger.")
        return found[0]

    def effect_counts(self, round: int | None = None) -> dict[tuple[int, str, str], int]:
        """How many entries there are of each (round, stage, effect)."""
        keys = (_EFFECTS.c.round, _EFFECTS.c.stage, _EFFECTS.c.effect)
        query = sa.select(*keys, sa.func.count()).where(_EFFECTS.c.run == self.name)
        if round is not None:
            query = query.where(_EFFECTS.c.round == round)
        with self.database.read() as connection:
            rows = connection.execute(query.group_by(*keys).order_by(*keys)).all()
        return {(row[0], row[1], row[2]): row[3] for row in rows}

    def labels_without_effect(
        self, up_to: int, purpose: Literal["train", "gate"] = "train"
    ) -> Iterator[tuple[int, Label]]:
        """Labels on comparisons of rounds up to this one that their stage has not taken up, with their rounds.

        That is the pair stage for `train` and the gate for `gate`. Every revision and lane, withdrawals too. By round,
        then by id.
        """
        stage = _taken_up(purpose)
        return self._with_round(self._labels(purpose).where(_ITEMS.c.round <= up_to, ~stage))

    def entered_labels(self, round: int) -> Iterator[tuple[int, Label]]:
        """The labels that the pair stage of this round took up, in the order of `labels_without_effect`."""
        return self._with_round(self._labels().where(_taken_up("train", _EFFECTS.c.round == round)))

    def labels_entered_on(self, comparison_ids: Iterable[str], before: int) -> list[Label]:
        """The labels on these comparisons that pair stages of rounds before this one took up."""
        found: list[Label] = []
        for some in chunks(sorted(set(comparison_ids))):
            query = self._labels().where(
                _LABELS.c.comparison_id.in_(some), _taken_up("train", _EFFECTS.c.round < before)
            )
            found += [label for _, label in self._with_round(query)]
        return found

    def _labels(self, purpose: str = "train") -> sa.Select[Any]:
        query = sa.select(*columns_of(Label, _LABELS), _ITEMS.c.round.label("item_round"))
        query = query.join(_ITEMS, (_ITEMS.c.run == _LABELS.c.run) & (_ITEMS.c.id == _LABELS.c.item_id))
        return query.where(_LABELS.c.run == self.name, _ITEMS.c.purpose == purpose)

    def _with_round(self, query: sa.Select[Any]) -> Iterator[tuple[int, Label]]:
        for row in self._pages(query, (_ITEMS.c.round, _LABELS.c.id)):
            values = row._mapping
            yield values["item_round"], Label(**{name: values[name] for name in Label.model_fields})

    def _effects(
        self,
        round: int | None,
        stage: str | None,
        reviewer: str | None,
        label_id: str | None,
        comparison_id: str | None,
        effect: str | None,
    ) -> sa.Select[Any]:
        query = sa.select(*columns_of(LabelEffect, _EFFECTS)).where(_EFFECTS.c.run == self.name)
        narrowed = {
            "round": round, "stage": stage, "reviewer": reviewer, "label_id": label_id,
            "comparison_id": comparison_id, "effect": effect,
        }  # fmt: skip
        for column, value in narrowed.items():
            if value is not None:
                query = query.where(_EFFECTS.c[column] == value)
        return query


def _taken_up(purpose: str, *conditions: sa.ColumnElement[bool]) -> sa.Exists:
    """That the stage which reads labels of this purpose has taken up the label."""
    mine = (_EFFECTS.c.run == _LABELS.c.run) & (_EFFECTS.c.label_id == _LABELS.c.id)
    stage = _EFFECTS.c.stage == {"train": "pair", "gate": "gate"}[purpose]
    return sa.exists().where(mine, stage, *conditions)
