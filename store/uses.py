"""Walking forward: what a unit went into, up to the checkpoints trained on it."""

from collections.abc import Callable

import sqlalchemy as sa

from store import tables
from store.effects import LabelEffect
from store.node import Node
from store.origins import checkpoint_node_alone, label_title, pair_node_alone, sample_title, verdict_title
from store.records import Pair, Preference, Sample
from store.run import RunStore
from store.scope import columns_of


class Uses(RunStore):
    """A run's units as trees of what they went into."""

    def of(self, kind: str, id: str) -> list[Node]:
        """What the unit of this kind went into, in the order of the round's stages."""
        walk: dict[str, Callable[[str], list[Node]]] = {
            "prompt": self._of_prompt,
            "sample": self._of_sample,
            "comparison": self._of_comparison,
            "verdict": self._of_verdict,
            "preference": lambda _: [],
            "item": self._of_item,
            "label": self._of_label,
            "pair": lambda id: self._trained_on(self.pair(id)),
            "checkpoint": self._of_checkpoint,
        }
        return walk[kind](id)

    def _of_prompt(self, id: str) -> list[Node]:
        table = tables.samples
        query = sa.select(*columns_of(Sample, table)).where(table.c.run == self.name, table.c.prompt_id == id)
        samples = self._all(Sample, query.order_by(table.c.round, table.c.policy, table.c.index, table.c.id))
        return [Node("sample", sample.id, sample_title(sample)) for sample in samples] + self._pairs(id)

    def _of_sample(self, id: str) -> list[Node]:
        prompt_id = self.sample(id).prompt_id
        table = tables.comparisons
        sides = (table.c.first_id == id) | (table.c.second_id == id)
        ids = self._ids(table, (table.c.prompt_id == prompt_id) & sides)
        return [
            *(Node("comparison", one, "compared", children=tuple(self._verdicts(one))) for one in ids),
            *self._preferences(prompt_id, lambda one: id in one.samples),
            *self._pairs(prompt_id, lambda one: id in (one.chosen, one.rejected)),
        ]

    def _of_comparison(self, id: str) -> list[Node]:
        items = tables.review_items
        ids = self._ids(items, items.c.comparison_id == id)
        return [
            *self._verdicts(id),
            *(Node("item", one, "drawn for review", children=tuple(self._of_item(one))) for one in ids),
            *self._pairs(self.comparison(id).prompt.id, lambda one: one.comparison_id == id),
        ]

    def _of_verdict(self, id: str) -> list[Node]:
        prompt_id = self.comparison(self.verdict(id).comparison_id).prompt.id
        return [
            *self._preferences(prompt_id, lambda one: id in one.verdict_ids),
            *self._pairs(prompt_id, lambda one: id in one.verdict_ids),
        ]

    def _of_item(self, id: str) -> list[Node]:
        return [Node("label", one.id, label_title(one)) for one in self.label_history(id)]

    def _of_label(self, id: str) -> list[Node]:
        prompt_id = self.comparison(self.label(id).comparison_id).prompt.id
        return [
            *(Node("effect", one.id, effect_title(one)) for one in self.effects(label_id=id)),
            *self._preferences(prompt_id, lambda one: id in one.label_ids),
            *self._pairs(prompt_id, lambda one: id in one.label_ids),
        ]

    def _of_checkpoint(self, id: str) -> list[Node]:
        """The answers it gave, counted; the decisions it took part in; the checkpoints trained from it."""
        table = tables.samples
        query = sa.select(table.c.round, table.c.purpose, sa.func.count())
        query = query.where(table.c.run == self.name, table.c.policy == id)
        with self.database.read() as connection:
            counts = connection.execute(
                query.group_by(table.c.round, table.c.purpose).order_by(*query.selected_columns[:2])
            )
            answers = [
                Node("samples", f"round {round}", f"{count} answers for {purpose}")
                for round, purpose, count in counts
            ]
        decisions = [
            Node("decision", f"round {one.round}", f"{one.kind}: {one.reason}", one.model_dump(mode="json"))
            for one in self.decisions()
            if id in (one.candidate, one.incumbent, one.policy)
        ]
        trained = [checkpoint_node_alone(one) for one in self.checkpoints() if one.parent == id]
        return answers + decisions + trained

    def _verdicts(self, comparison_id: str) -> list[Node]:
        table = tables.verdicts
        ids = self._ids(table, table.c.comparison_id == comparison_id)
        return [Node("verdict", id, verdict_title(self.verdict(id))) for id in ids]

    def _preferences(self, prompt_id: str, holds: Callable[[Preference], bool]) -> list[Node]:
        table = tables.preferences
        query = sa.select(*columns_of(Preference, table))
        query = query.where(table.c.run == self.name, table.c.prompt_id == prompt_id)
        found = self._all(Preference, query.order_by(table.c.round, table.c.id))
        return [Node("preference", one.id, f"ranking of round {one.round}") for one in found if holds(one)]

    def _pairs(self, prompt_id: str, holds: Callable[[Pair], bool] = lambda _: True) -> list[Node]:
        table = tables.pairs
        query = sa.select(*columns_of(Pair, table))
        query = query.where(table.c.run == self.name, table.c.prompt_id == prompt_id)
        found = self._all(Pair, query.order_by(table.c.round, table.c.id))
        return [pair_node_alone(one, tuple(self._trained_on(one))) for one in found if holds(one)]

    def _trained_on(self, pair: Pair) -> list[Node]:
        return [checkpoint_node_alone(one) for one in self.checkpoints() if one.round == pair.round > 0]

    def _ids(self, table: sa.Table, condition: sa.ColumnElement[bool]) -> list[str]:
        query = sa.select(table.c.id).where(table.c.run == self.name, condition).order_by(table.c.id)
        with self.database.read() as connection:
            return list(connection.scalars(query))


def effect_title(effect: LabelEffect) -> str:
    """An entry of the ledger in a few words."""
    on = f" {effect.subject}" if effect.subject else ""
    return f"round {effect.round}, {effect.stage}: {effect.effect}{on} ({effect.why.replace('_', ' ')})"
