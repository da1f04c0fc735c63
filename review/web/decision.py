"""One decision as its page tells it: what was asked, what was said, where it came from, what became of it."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from markupsafe import Markup

from review.rendering import render
from review.visible import visible
from review.worddiff import Piece, word_diff
from store.effects import Effects, LabelEffect
from store.errors import NotFound
from store.node import Node
from store.provenance import trace
from store.records import Comparison, Label, Verdict
from store.run import RunStore
from store.store import Store

LONGEST: Final = 40_000
"""Characters of a text that a page holds; the whole stands in the store."""
_KNOWN: Final[dict[str, tuple[str, ...]]] = {
    "comparison": ("purpose", "principles", "constitution"),
    "prompt": ("split", "source", "tags"),
    "sample": ("seed", "settings", "finish_reason", "logprob"),
    "checkpoint": ("sha256", "parent", "pairs_sha256"),
    "pair": ("source", "margin", "confidence", "weight", "calibration"),
}
"""The fields that say where a unit came from; texts are shown elsewhere on the page, or a step away."""
ANCESTORS: Final = 4
"""Checkpoints that a page names before the one a policy was trained from; all stand in the store."""
Hidden = Callable[[Iterable[str]], set[str]]
"""Which of some comparisons are withheld from the reader."""


@dataclass(frozen=True)
class Shown:
    """A text as it is, made visible and cut; `length` is of the whole."""

    text: str
    length: int

    @property
    def cut(self) -> bool:
        return self.length > LONGEST


@dataclass(frozen=True)
class Answer:
    """One of the two answers: rendered, and as it is."""

    name: str
    policy: str
    tokens: int
    finish_reason: str
    html: Markup
    source: Shown


@dataclass(frozen=True)
class Turn:
    role: str
    html: Markup
    source: Shown


@dataclass(frozen=True)
class Asked:
    """A text as the judge got it, under its hash: role and words of each message."""

    hash: str
    messages: tuple[tuple[str, Shown], ...]


@dataclass(frozen=True)
class Told:
    """Everything on the page of a decision that the reader may see."""

    comparison: Comparison
    verdict: Verdict
    others: tuple[Verdict, ...]
    """What other judges said of the same comparison."""
    turns: tuple[Turn, ...]
    first: Answer
    second: Answer
    words: list[Piece] | None
    labels: tuple[Label, ...]
    effects: tuple[LabelEffect, ...]
    asked: tuple[Asked, ...]
    template: Shown | None
    constitution: Shown | None
    raw: Shown
    origin: Node
    used_by: tuple[Node, ...]
    kept_back: int
    """Uses that are about comparisons withheld from the reader."""


def tell(store: Store, run: RunStore, verdict_id: str, hidden: Hidden) -> Told:
    """Raises `NotFound`. The caller has seen to it that the comparison itself is not withheld."""
    verdict = run.verdict(verdict_id)
    comparison = run.comparison(verdict.comparison_id)
    first, second = comparison.first, comparison.second
    found = trace(store, verdict_id, run.name)
    secret = hidden(set(_comparisons_in(found.used_by)))
    used = tuple(node for node in found.used_by if not secret & set(_comparisons_in((node,))))
    effects = Effects(run.database, run.name).effects(comparison_id=comparison.id)
    return Told(
        comparison=comparison,
        verdict=verdict,
        others=tuple(one for one in run.verdicts_on(comparison.id) if one.id != verdict.id),
        turns=tuple(
            Turn(m.role, Markup(render(m.content)), shown(m.content)) for m in comparison.prompt.messages
        ),
        first=Answer(
            "first",
            first.policy,
            first.tokens,
            first.finish_reason,
            Markup(render(first.text)),
            shown(first.text),
        ),
        second=Answer(
            "second",
            second.policy,
            second.tokens,
            second.finish_reason,
            Markup(render(second.text)),
            shown(second.text),
        ),
        words=word_diff(first.text[:LONGEST], second.text[:LONGEST]),
        labels=tuple(run.labels_on(comparison.id)),
        effects=tuple(effects),
        asked=tuple(_asked(run, verdict.prompt_hashes)),
        template=_text(run, verdict.template),
        constitution=_text(run, verdict.constitution),
        raw=shown(_laid_out(verdict.raw)),
        origin=_unfolded(found.subject, set()),
        used_by=tuple(_unfolded(node, set()) for node in used),
        kept_back=len(found.used_by) - len(used),
    )


def shown(text: str) -> Shown:
    """A text for a page: acting characters spelled out, cut where it is very long."""
    return Shown(visible(text[:LONGEST]), len(text))


def _text(run: RunStore, hash: str) -> Shown | None:
    try:
        return shown(run.text(hash))
    except NotFound:
        return None


def _asked(run: RunStore, hashes: Iterable[str]) -> Iterator[Asked]:
    """The texts that were kept, each taken apart into its messages; what is none is one message without a role."""
    for hash in hashes:
        try:
            text = run.text(hash)
        except NotFound:
            continue
        try:
            messages = [(str(one["role"]), shown(str(one["content"]))) for one in json.loads(text)]
        except (ValueError, TypeError, KeyError):
            messages = [("", shown(text))]
        yield Asked(hash, tuple(messages))


def _unfolded(node: Node, seen: set[str]) -> Node:
    """The tree with a line of checkpoints beside each other, each told once, the oldest left out where it is long."""
    children: list[Node] = []
    more = node.more
    for child in node.children:
        line = list(_line(child)) if child.kind == "checkpoint" else [child]
        fresh = [one for one in line[1:] if one.id not in seen]
        more += max(0, len(fresh) - ANCESTORS)
        seen.update(one.id for one in line)
        children += [_unfolded(one, seen) for one in (line[0], *fresh[:ANCESTORS])]
    return replace(node, children=tuple(children), more=more)


def _line(checkpoint: Node) -> Iterator[Node]:
    """A checkpoint and those it was trained from, each without what stands below it."""
    older: Node | None = checkpoint
    while older is not None:
        yield replace(older, children=tuple(one for one in older.children if one.kind != older.kind))
        older = next((one for one in older.children if one.kind == checkpoint.kind), None)


def known_of(node: Node) -> list[tuple[str, str]]:
    """What of a node's fields its page tells: name and value, in the order of `_KNOWN`."""
    told = []
    for name in _KNOWN.get(node.kind, ()):
        value = node.fields.get(name)
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        if value not in (None, "", {}):
            told.append((name, f"{value:.4g}" if isinstance(value, float) else visible(str(value))))
    return told


def _laid_out(raw: str) -> str:
    """JSON over several lines; anything else as it is."""
    try:
        found: Any = json.loads(raw)
    except ValueError:
        return raw
    return json.dumps(found, indent=2, ensure_ascii=False) if isinstance(found, dict | list) else raw


def _comparisons_in(nodes: Iterable[Node]) -> Iterator[str]:
    """The comparisons that uses are about."""
    for node in nodes:
        if isinstance(about := node.fields.get("comparison_id"), str):
            yield about
        yield from _comparisons_in(node.children)
