"""A constitution put to a judge in parts: each principle or axis by itself, or one principle drawn a comparison.

Whatever the judge, a part is a comparison of the same answers under fewer principles, so this is a judge around
a judge: it asks the inner one more comparisons and makes one verdict of their verdicts. What each part said is kept in
it. A part that is unscored leaves the whole unscored: the others alone would be another constitution's verdict.

One principle a comparison (Bai et al. 2022, Constitutional AI, arXiv 2212.08073) is drawn by weight, from
the comparison's id, so that a resumed run draws the same ones; both presentation orders share it.
"""

import json
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from judge.api.usage import total
from judge.axes import axis_weights, check_axes, weigh
from judge.contract import Judge
from judge.errors import JudgeSettingsError
from judge.opinion import Opinion, pool
from judge.ways import ASIDE_FIELDS, WaysSettings
from prompts.constitution import Axis, Constitution, Principle
from prompts.hashing import content_hash, derive_seed
from prompts.template import JudgeTemplate
from store.records import Comparison, Verdict


def is_divided(settings: WaysSettings) -> bool:
    """Whether the constitution is to be put in parts."""
    return settings.principles != "together" or settings.axes != "none"


def check_parts(settings: WaysSettings, template: JudgeTemplate, constitution: Constitution) -> None:
    """Raise `JudgeSettingsError` where these parts cannot be asked or combined, or a setting has no effect."""
    check_axes(settings, template, constitution)
    effective = {
        "score_scale": (template.mode == "pointwise", "a pointwise template"),
        "principle_seed": (settings.principles == "sampled", "judge.principles: sampled"),
        "harmless_margin": (settings.axes == "lexicographic", "judge.axes: lexicographic"),
        "safety_threshold": (settings.axes == "safety_gate", "judge.axes: safety_gate"),
        "safety_tag": (settings.axes == "safety_gate", "judge.axes: safety_gate"),
    }
    for key, (counts, where) in effective.items():
        if not counts and getattr(settings, key) != WaysSettings.model_fields[key].default:
            raise JudgeSettingsError(
                f"judge.{key}: counts only with {where}, so here it would do nothing. Remove it."
            )
    if is_divided(settings) and "principles" not in template.uses:
        raise JudgeSettingsError(
            f"judge.template: {template.name!r} never shows the principles, so every part of the constitution would be "
            "the same question. Use a template that does, or set judge.principles: together and judge.axes: none."
        )


def draw(principles: tuple[Principle, ...], comparison_id: str, seed: int) -> Principle:
    """One principle with probability by weight; the same for the same comparison and seed."""
    bounds = list(accumulate(principle.weight for principle in principles))
    place = derive_seed("principle", seed, comparison_id) / 2**63 * bounds[-1]
    return principles[min(bisect_right(bounds, place), len(principles) - 1)]


@dataclass
class _Open:
    """A comparison and what has come in of its parts, by the part's comparison id."""

    comparison: Comparison
    parts: dict[str, tuple[Principle, ...]]
    verdicts: dict[str, Verdict] = field(default_factory=dict)


class DividedJudge:
    """Asks `inner` about the parts of `constitution` that `settings` describe, and combines.

    Raises `JudgeSettingsError` as `check_parts` does.
    """

    def __init__(
        self, inner: Judge, settings: WaysSettings, template: JudgeTemplate, constitution: Constitution
    ) -> None:
        check_parts(settings, template, constitution)
        self._inner = inner
        self._settings = settings
        self._points = template.points
        self._constitution = constitution
        by = settings.model_dump(include=set(WaysSettings.model_fields) - ASIDE_FIELDS)
        digest = content_hash(json.dumps(by, sort_keys=True))[:12]
        self._name = f"{inner.name}:{settings.principles}:{settings.axes}:{digest}"

    @property
    def name(self) -> str:
        return self._name

    @property
    def members(self) -> tuple[Judge, ...]:
        """The judges that it asks."""
        return (self._inner,)

    async def compare(self, comparisons: Iterable[Comparison]) -> AsyncIterator[Verdict]:
        """One verdict for each comparison, when all its parts are there."""
        waiting: dict[str, deque[_Open]] = {}

        def asked() -> Iterator[Comparison]:
            for comparison in comparisons:
                parts = [(_under(comparison, part), part) for part in self._parts(comparison)]
                # All known before the first is asked: an answer may come before the next one is drawn.
                opened = _Open(comparison, {part.id: principles for part, principles in parts})
                for part, _ in parts:
                    waiting.setdefault(part.id, deque()).append(opened)
                    yield part

        verdicts = self._inner.compare(asked())
        try:
            async for verdict in verdicts:
                queue = waiting[verdict.comparison_id]
                opened = queue.popleft()
                if not queue:
                    del waiting[verdict.comparison_id]
                opened.verdicts[verdict.comparison_id] = verdict
                if len(opened.verdicts) == len(opened.parts):
                    yield self._combined(opened)
        finally:
            # The requests of the judge inside must end when nobody listens any more.
            if isinstance(verdicts, AsyncGenerator):
                await verdicts.aclose()

    def _parts(self, comparison: Comparison) -> list[tuple[Principle, ...]]:
        principles = self._constitution.select(comparison.principles)
        if self._settings.principles == "sampled":
            return [(draw(principles, comparison.id, self._settings.principle_seed),)]
        if self._settings.principles == "separate":
            return [(principle,) for principle in principles]
        by_axis: dict[Axis, list[Principle]] = {}
        for principle in principles:
            by_axis.setdefault(principle.axis, []).append(principle)
        return [tuple(part) for part in by_axis.values()]

    def _combined(self, opened: _Open) -> Verdict:
        parts = [(principles, opened.verdicts[id]) for id, principles in opened.parts.items()]
        verdicts = [verdict for _, verdict in parts]
        masses = [verdict.label_mass for verdict in verdicts if verdict.label_mass is not None]
        kept: dict[str, Any] = {
            "comparison_id": opened.comparison.id,
            "judge": self.name,
            "template": verdicts[0].template,
            "constitution": verdicts[0].constitution,
            "prompt_hashes": tuple(hash for verdict in verdicts for hash in verdict.prompt_hashes),
            "prompt_texts": tuple(text for verdict in verdicts for text in verdict.prompt_texts),
            "label_mass": min(masses) if len(masses) == len(verdicts) else None,
            "rationale": "\n\n".join(
                f"[{self._title(principles)}] {verdict.rationale}"
                for principles, verdict in parts
                if verdict.rationale
            ),
            "raw": json.dumps({self._title(principles): verdict.raw for principles, verdict in parts}),
            "usage": total(verdict.usage for verdict in verdicts),
        }
        opinions = [(principles, Opinion.of(verdict)) for principles, verdict in parts]
        scored = [(principles, opinion) for principles, opinion in opinions if opinion is not None]
        if self._settings.principles != "together":
            kept["by_principle"] = {principles[0].id: opinion.part for principles, opinion in scored}
        if len(scored) < len(parts):
            reasons = [f"{self._title(p)}: {v.unscored}" for p, v in parts if v.unscored is not None]
            return Verdict(**kept, unscored="; ".join(reasons))
        found = self._decide(scored, opened.comparison, kept)
        return Verdict(**kept, **vars(found))

    def _decide(
        self,
        scored: list[tuple[tuple[Principle, ...], Opinion]],
        comparison: Comparison,
        kept: dict[str, Any],
    ) -> Opinion:
        """The opinion of all parts; those of the axes are put into `kept`."""
        scale = self._settings.score_scale
        if self._settings.axes == "none":
            weights = [sum(p.weight for p in principles) for principles, _ in scored]
            return pool([opinion for _, opinion in scored], weights, scale)
        by_axis: dict[Axis, Opinion] = {}
        for axis in dict.fromkeys(principles[0].axis for principles, _ in scored):
            own = [(p, opinion) for p, opinion in scored if p[0].axis == axis]
            by_axis[axis] = pool(
                [opinion for _, opinion in own], [sum(q.weight for q in p) for p, _ in own], scale
            )
        kept["by_axis"] = {axis: opinion.part for axis, opinion in by_axis.items()}
        weights_of = axis_weights(
            self._settings, tuple(principle for principles, _ in scored for principle in principles)
        )
        return weigh(by_axis, weights_of, self._settings, comparison.prompt.tags, self._points)

    def _title(self, principles: tuple[Principle, ...]) -> str:
        return principles[0].axis if self._settings.principles == "together" else principles[0].id


def _under(comparison: Comparison, principles: tuple[Principle, ...]) -> Comparison:
    return Comparison(
        prompt=comparison.prompt,
        first=comparison.first,
        second=comparison.second,
        round=comparison.round,
        purpose=comparison.purpose,
        constitution=comparison.constitution,
        principles=tuple(principle.id for principle in principles),
    )
