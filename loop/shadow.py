"""A second judge in the shadow of the first: how often two judges agree on the round's own comparisons.

Where the first judge changes with the policy and the second is frozen, a falling agreement says that the first has
moved. It does not say who is right: that is for people. No pair, decision or ranking reads a shadow verdict.

Which comparisons it judges is drawn by the hash of their ids under the run's seed, so that a resumed round draws the
same ones, whatever order they come in.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from judge.wilson import wilson
from loop.context import RunContext
from loop.judging import Judging
from prompts.hashing import derive_seed
from store.records import Checkpoint, Comparison


def shadow_round(run: RunContext, incumbent: Checkpoint, index: int, title: str) -> dict[str, Any]:
    """The shadow's verdicts on its share of the round are in the store; how far the two judges agree.

    Empty where no shadow is configured. `agreement` is over the comparisons in which both prefer an answer, with its
    Wilson 95% interval, and missing where there are none; `gap` is the mean distance of the two probabilities.
    """
    if run.config.shadow is None:
        return {}
    rate, seed = run.config.shadow.rate, derive_seed(run.config.seed, index, "shadow")
    drawn = {
        comparison.id
        for comparison in run.store.comparisons(index, "train")
        if derive_seed(seed, comparison.id) < rate * 2**63
    }

    def comparisons() -> Iterator[Comparison]:
        return (c for c in run.store.comparisons(index, "train") if c.id in drawn)

    def scores() -> Iterator[tuple[str, float | None]]:
        return ((v.comparison_id, v.p_first) for v in run.store.shadow_verdicts(index, "train"))

    with run.progress.stage(title, len(drawn), "comparisons") as bar:
        judging = Judging(
            make=lambda: run.shadow(incumbent),
            one_by_one=run.config.shadow.judge.kind == "api",
            scores=scores,
            add=run.store.add_shadow_verdicts,
        )
        judging.fill(drawn, comparisons, bar)
    first = dict(run.store.scores(index, "train"))
    judges = {verdict.judge for verdict in run.store.shadow_verdicts(index, "train")}
    both = [(p, other) for id, p in scores() if p is not None and (other := first.get(id)) is not None]
    return {"shadow": {"judge": ", ".join(sorted(judges)), "asked": len(drawn), **_agreement(both)}}


def _agreement(both: Sequence[tuple[float, float]]) -> dict[str, Any]:
    sided = [(own > 0.5) == (other > 0.5) for own, other in both if own != 0.5 and other != 0.5]
    if not sided:
        return {"compared": len(sided)}
    return {
        "compared": len(sided),
        "agreement": wilson(sum(sided) / len(sided), len(sided)).model_dump(),
        "gap": sum(abs(own - other) for own, other in both) / len(both),
    }
