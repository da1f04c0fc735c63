"""Walking back: what a unit was made from, down to the texts the judge saw and the policy that answered."""

from collections.abc import Callable, Iterable

import sqlalchemy as sa
import yaml

from store import tables
from store.errors import NotFound
from store.node import Node
from store.records import (
    Checkpoint,
    Comparison,
    Label,
    Pair,
    Preference,
    Prompt,
    Record,
    ReviewItem,
    Sample,
    Verdict,
)
from store.run import RunStore
from store.scope import columns_of


class Origins(RunStore):
    """A run's units as trees of what they came from."""

    def of(self, kind: str, id: str, limit: int) -> Node:
        """The tree under a unit of this kind; a checkpoint lists at most `limit` of its pairs."""
        if kind == "checkpoint":
            return self.checkpoint_node(self.checkpoint(id), limit)
        walk: dict[str, Callable[[], Node]] = {
            "prompt": lambda: prompt_node(self.prompt(id)),
            "sample": lambda: self.sample_node(self.sample(id)),
            "comparison": lambda: self.comparison_node(self.comparison(id)),
            "verdict": lambda: self.verdict_node(self.verdict(id)),
            "preference": lambda: self.preference_node(self.preference(id)),
            "item": lambda: self.item_node(self.review_item(id)),
            "label": lambda: self.label_node(self.label(id)),
            "pair": lambda: self.pair_node(self.pair(id)),
        }
        return walk[kind]()

    def sample_node(self, sample: Sample, *, with_prompt: bool = True) -> Node:
        above = [prompt_node(self.prompt(sample.prompt_id))] if with_prompt else []
        return _node("sample", sample, sample_title(sample), (*above, self.policy_node(sample.policy)))

    def comparison_node(self, comparison: Comparison, *, with_constitution: bool = True) -> Node:
        children = [
            prompt_node(comparison.prompt),
            self.sample_node(comparison.first, with_prompt=False),
            self.sample_node(comparison.second, with_prompt=False),
        ]
        if with_constitution:
            children.append(self.text_node("constitution", comparison.constitution))
        title = f"answer {comparison.first.index} against answer {comparison.second.index}, round {comparison.round}"
        shown = comparison.model_dump(mode="json", exclude={"prompt", "first", "second", "id"})
        return Node("comparison", comparison.id, title, shown, tuple(children))

    def verdict_node(self, verdict: Verdict) -> Node:
        texts = (
            *(self.text_node("prompt text", hash) for hash in verdict.prompt_hashes),
            self.text_node("template", verdict.template),
            self.text_node("constitution", verdict.constitution),
        )
        comparison = self.comparison(verdict.comparison_id)
        same = comparison.constitution == verdict.constitution
        return _node(
            "verdict",
            verdict,
            verdict_title(verdict),
            (self.comparison_node(comparison, with_constitution=not same), *texts),
        )

    def item_node(self, item: ReviewItem) -> Node:
        title = f"drawn for review in the {item.lane} lane with probability {item.inclusion_probability:.4g}"
        return _node("item", item, title, (self.comparison_node(self.comparison(item.comparison_id)),))

    def label_node(self, label: Label, *, with_comparison: bool = True) -> Node:
        above = (self.item_node(self.review_item(label.item_id)),) if with_comparison else ()
        return _node("label", label, label_title(label), above)

    def preference_node(self, preference: Preference) -> Node:
        prompt = prompt_node(self.prompt(preference.prompt_id))
        samples = (self.sample_node(self.sample(id), with_prompt=False) for id in preference.samples)
        title = f"ranking of {len(preference.samples)} answers, round {preference.round}"
        evidence = self._evidence(preference.verdict_ids, preference.label_ids)
        return _node("preference", preference, title, (prompt, *samples, *evidence))

    def pair_node(self, pair: Pair) -> Node:
        title = f"pair of round {pair.round} by {pair.source}, confidence {pair.confidence:.3f}"
        title += f" by calibration {pair.calibration}" if pair.calibration else ""
        children = (
            prompt_node(self.prompt(pair.prompt_id)),
            self.sample_node(self.sample(pair.chosen), with_prompt=False),
            self.sample_node(self.sample(pair.rejected), with_prompt=False),
            *self._evidence(pair.verdict_ids, pair.label_ids),
        )
        return _node("pair", pair, title, children)

    def checkpoint_node(self, checkpoint: Checkpoint, limit: int) -> Node:
        """Its parents back to the first, and the pairs it was trained on."""
        parents = (self.policy_node(checkpoint.parent),) if checkpoint.parent else ()
        table = tables.pairs
        mine = (table.c.run == self.name, table.c.round == checkpoint.round)
        query = (
            sa.select(*columns_of(Pair, table))
            .where(*mine)
            .order_by(table.c.position, table.c.id)
            .limit(limit)
        )
        pairs = self._all(Pair, query)
        with self.database.read() as connection:
            total = connection.scalar(sa.select(sa.func.count()).select_from(table).where(*mine)) or 0
        return _node(
            "checkpoint",
            checkpoint,
            _checkpoint_title(checkpoint),
            (*parents, *map(pair_node_alone, pairs)),
            total - len(pairs),
        )

    def policy_node(self, revision: str) -> Node:
        """A revision and, below it, the one it was trained from, back to the first."""
        kept = {checkpoint.id: checkpoint for checkpoint in self.checkpoints()}
        line: list[Checkpoint] = []
        next_revision: str | None = revision
        while next_revision in kept and kept[next_revision] not in line:
            line.append(kept[next_revision])
            next_revision = line[-1].parent
        below: tuple[Node, ...] = ()
        if next_revision is not None and next_revision not in {known.id for known in line}:
            below = (Node("policy", next_revision, f"policy {next_revision}"),)
        for checkpoint in reversed(line):
            below = (_node("checkpoint", checkpoint, _checkpoint_title(checkpoint), below),)
        return below[0]

    def text_node(self, kind: str, hash: str) -> Node:
        """A text by its hash, whole; a constitution with its name and version."""
        try:
            text = self.text(hash)
        except NotFound:
            return Node(kind, hash, f"{kind} {hash[:12]}, whose text is not kept")
        return Node(kind, hash, _text_title(kind, hash, text), {"text": text})

    def _evidence(self, verdict_ids: Iterable[str], label_ids: Iterable[str]) -> list[Node]:
        """Verdicts and labels with all their texts, and their comparisons as a line: its parts stand above."""
        nodes = []
        for id in verdict_ids:
            whole = self.verdict_node(self.verdict(id))
            line, *texts = whole.children
            nodes.append(Node(whole.kind, id, whole.title, whole.fields, (_bare(line), *texts)))
        return nodes + [self.label_node(self.label(id), with_comparison=False) for id in label_ids]


def prompt_node(prompt: Prompt) -> Node:
    return _node("prompt", prompt, f"{prompt.split} prompt from {prompt.source or 'an unnamed source'}")


def pair_node_alone(pair: Pair, children: tuple[Node, ...] = ()) -> Node:
    """A pair without what it came from."""
    return _node("pair", pair, f"{pair.chosen} over {pair.rejected}, by {pair.source}", children)


def checkpoint_node_alone(checkpoint: Checkpoint) -> Node:
    """A checkpoint without what it came from."""
    return _node("checkpoint", checkpoint, _checkpoint_title(checkpoint))


def sample_title(sample: Sample) -> str:
    return f"answer {sample.index} of {sample.policy}, round {sample.round}"


def verdict_title(verdict: Verdict) -> str:
    if verdict.p_first is None:
        return f"unscored by {verdict.judge}: {verdict.unscored}"
    return f"first better with probability {verdict.p_first:.3f}, by {verdict.judge}"


def label_title(label: Label) -> str:
    revision = f" (revision {label.revision})" if label.revision else ""
    return f"first is {label.value.replace('_', ' ')}, says {label.reviewer}{revision}"


def _checkpoint_title(checkpoint: Checkpoint) -> str:
    return f"trained in round {checkpoint.round}" if checkpoint.round else "the policy the run started from"


def _text_title(kind: str, hash: str, text: str) -> str:
    if kind == "constitution":
        try:
            content = yaml.safe_load(text)
        except yaml.YAMLError:
            content = None
        if isinstance(content, dict) and {"name", "version"} <= content.keys():
            return f"constitution {content['name']} {content['version']}"
    return f"{kind} {hash[:12]}"


def _bare(node: Node) -> Node:
    return Node(node.kind, node.id, node.title, node.fields)


def _node(
    kind: str, record: Record | Prompt, title: str, children: tuple[Node, ...] = (), more: int = 0
) -> Node:
    fields = record.model_dump(mode="json")
    return Node(kind, fields.pop("id"), title, fields, children, more)
