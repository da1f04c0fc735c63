"""Several judges as one: each gives its verdict on every comparison, and the panel folds them.

`mean` takes the weighted mean of the members' probabilities, a linear opinion pool (Stone 1961): on the scale of logits
one member that is sure of itself would outweigh all others, and votes have no logits. `vote` counts which answer each
member prefers, so that a member's confidence, which may mean nothing, has no say. A member that fails on a comparison
is left out of it, and where fewer than the quorum are left the verdict is unscored: a failure is never a vote.

How far the members are apart is kept as `Verdict.disagreement`. A panel that is torn is worth a person's look even
where its mean is sure. Every member's verdict stays in the panel's `raw`, the texts it was given on beside it.

Verga et al. (2024), Replacing judges with juries: several small judges of different families agree with people better
than one large one, and favour their own family less.
"""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from itertools import islice
from typing import Any, Literal

from judge.api.usage import total
from judge.contract import Judge
from prompts.hashing import content_hash
from store.records import Comparison, Verdict

_CHUNK = 512
"""Comparisons before the members at once: the slowest member's pace sets the panel's."""

Weighed = list[tuple[Verdict, float]]
"""Members' verdicts with the members' weights."""


class PanelJudge:
    """Judges as its `members` do together. `weights` are one a member, above 0; `quorum` is how many must score."""

    def __init__(
        self,
        members: Sequence[Judge],
        *,
        combine: Literal["mean", "vote"] = "mean",
        weights: Sequence[float] | None = None,
        quorum: int | None = None,
    ) -> None:
        self._members = tuple(members)
        self._combine = combine
        self._weights = tuple(weights or (1.0 for _ in members))
        self._quorum = quorum or len(self._members) // 2 + 1

    @property
    def name(self) -> str:
        told = [[member.name for member in self._members], self._weights, self._quorum]
        return f"panel:{self._combine}:{len(self._members)}:{content_hash(json.dumps(told))[:12]}"

    @property
    def members(self) -> tuple[Judge, ...]:
        """The judges that it asks."""
        return self._members

    async def compare(self, comparisons: Iterable[Comparison]) -> AsyncIterator[Verdict]:
        """One verdict for each comparison, in the order given. The members work at the same time.

        What stops one member stops the panel.
        """
        waiting = iter(comparisons)
        while chunk := list(islice(waiting, _CHUNK)):
            asked = [asyncio.create_task(_all_of(member, chunk)) for member in self._members]
            try:
                said = await asyncio.gather(*asked)
            finally:
                for task in asked:
                    task.cancel()
                await asyncio.gather(*asked, return_exceptions=True)
            for comparison in chunk:
                yield self._fold(comparison, [verdicts[comparison.id] for verdicts in said])

    def _fold(self, comparison: Comparison, verdicts: Sequence[Verdict]) -> Verdict:
        texts = {
            hash: text
            for verdict in verdicts
            for hash, text in zip(verdict.prompt_hashes, verdict.prompt_texts, strict=True)
        }
        templates = {verdict.template for verdict in verdicts}
        kept: dict[str, Any] = {
            "comparison_id": comparison.id,
            "judge": self.name,
            "template": templates.pop() if len(templates) == 1 else "",
            "constitution": comparison.constitution,
            "prompt_hashes": tuple(texts),
            "prompt_texts": tuple(texts.values()),
            "rationale": "\n\n".join(f"[{v.judge}] {v.rationale}" for v in verdicts if v.rationale),
            "raw": json.dumps([v.model_dump(mode="json", exclude_defaults=True) for v in verdicts]),
            "usage": total(verdict.usage for verdict in verdicts),
        }
        scored = [
            (verdict, weight)
            for verdict, weight in zip(verdicts, self._weights, strict=True)
            if verdict.p_first is not None
        ]
        if len(scored) < self._quorum:
            reason = next(v.unscored for v in verdicts if v.unscored is not None)
            short = f"{len(scored)} of {len(verdicts)} members scored it, and the quorum is {self._quorum}"
            return Verdict(**kept, unscored=f"{short}: {reason}")
        return Verdict(
            **kept,
            p_first=self._share(scored, lambda v: v.p_first),
            p_first_shown_first=self._share(scored, lambda v: v.p_first_shown_first),
            p_first_shown_second=self._share(scored, lambda v: v.p_first_shown_second),
            p_tie=self._ties(scored),
            disagreement=_disagreement(scored),
        )

    def _share(self, scored: Weighed, value: Callable[[Verdict], float | None]) -> float | None:
        """The weighted mean of a probability, or of the votes it amounts to; None where no member has it."""
        known = [(p, weight) for verdict, weight in scored if (p := value(verdict)) is not None]
        if not known:
            return None
        if self._combine == "vote":
            known = [(0.5 if p == 0.5 else float(p > 0.5), weight) for p, weight in known]
        return _mean(known)

    def _ties(self, scored: Weighed) -> float | None:
        """None where no member may call a tie; one that may not calls none."""
        if all(verdict.p_tie is None for verdict, _ in scored):
            return None
        ties = [(verdict.p_tie or 0.0, weight) for verdict, weight in scored]
        if self._combine == "vote":
            # What a member that votes for an answer thought of a tie is not in its vote.
            ties = [(float(verdict.p_first == 0.5), weight) for verdict, weight in scored]
        return _mean(ties)


async def _all_of(member: Judge, comparisons: Sequence[Comparison]) -> dict[str, Verdict]:
    return {verdict.comparison_id: verdict async for verdict in member.compare(comparisons)}


def _disagreement(scored: Weighed) -> float:
    """Twice the members' weighted standard deviation: 0 where all agree, 1 where halves are sure of opposites."""
    known = [(verdict.p_first, weight) for verdict, weight in scored if verdict.p_first is not None]
    middle = _mean(known)
    return min(1.0, 2.0 * math.sqrt(_mean([((p - middle) ** 2, weight) for p, weight in known])))


def _mean(weighed: Sequence[tuple[float, float]]) -> float:
    total = math.fsum(weight for _, weight in weighed)
    # Rounding can lift a mean of ones a little above 1.
    return min(1.0, math.fsum(value * weight for value, weight in weighed) / total)
