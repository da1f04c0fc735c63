"""A run in which all that reviewers must not know bears a mark of its own, so that it is found wherever it turns up."""

from dataclasses import dataclass, field

from review.bookkeeping import refresh
from review.draw import Design, draw
from store.records import (
    Checkpoint,
    Comparison,
    Decision,
    Message,
    Prompt,
    ReviewItem,
    Run,
    Sample,
    StageMarker,
    Verdict,
)
from store.run import RunStore
from store.store import Store

RUN = "leaky"
QUEUED, FREE = 16, 8
"""Comparisons that people are asked about, and others."""
SHARED = ("canaryjudge", "rev_canaryincumbent", "rev_canarycandidate", "canarystratum", "canaryreason")
"""Marks of what is the same for many comparisons: the judge, the two policies, strata, reasons."""


@dataclass(frozen=True)
class Marked:
    """A comparison, and all that may not be told of it while it is withheld."""

    comparison: Comparison
    verdict: Verdict
    texts: tuple[str, str]
    """The marks of its two answers: they may be shown, as a question, and not beside what else is known."""
    marks: tuple[str, ...] = field(default=())


def marked(number: int) -> Marked:
    prompt = Prompt(
        messages=(Message(role="user", content=f"What is question {number}?"),),
        split="heldout",
        tags=("helpful",),
    )
    texts = f"canaryincumbentsays{number:03}x", f"canarycandidatesays{number:03}x"
    first, second = (
        Sample(
            prompt_id=prompt.id, policy=policy, round=1, purpose="gate", index=0, seed=number, settings="s",
            text=f"{text} and so on.", tokens=4 + number % 3, finish_reason="stop",
        )
        for policy, text in zip(SHARED[1:3], texts, strict=True)
    )  # fmt: skip
    comparison = Comparison(
        prompt=prompt, first=first, second=second, round=1, purpose="gate", constitution="c"
    )
    p_first = 0.0713 + number / 30 + number / 7919
    rationale, raw = f"canaryrationale{number:03}x", f"canaryraw{number:03}x"
    verdict = Verdict(
        comparison_id=comparison.id, judge=SHARED[0], template="t", constitution="c", p_first=p_first,
        p_first_shown_first=p_first, p_first_shown_second=p_first, rationale=rationale, raw=raw,
    )  # fmt: skip
    numbers = f"{p_first:.4f}", f"{1 - p_first:.4f}"
    return Marked(
        comparison, verdict, texts, (rationale, raw, *numbers, comparison.id, verdict.id, first.id, second.id)
    )


@dataclass(frozen=True)
class Leaky:
    """The run, its comparisons in the queue by item id, and one that nobody is asked about."""

    run: RunStore
    by_item: dict[str, Marked]
    free: Marked

    @property
    def queued(self) -> list[Marked]:
        return list(self.by_item.values())


def leaky(store: Store, reveal: str = "batch") -> Leaky:
    """Two answers an item, three votes a batch, both lanes; decided, and its books kept."""
    config = {"spot_check": {"reveal": reveal, "reveal_batch": 3}, "rounds": 1}
    run = store.create_run(Run(name=RUN, seed=0, config_hash="h", config=config))
    all_marked = [marked(number) for number in range(QUEUED + FREE)]
    comparisons = [one.comparison for one in all_marked]
    run.add_prompts(one.prompt for one in comparisons)
    run.add_samples(sample for one in comparisons for sample in (one.first, one.second))
    run.add_comparisons(comparisons)
    run.add_verdicts(one.verdict for one in all_marked)
    asked = [(one.comparison, one.verdict) for one in all_marked[:QUEUED]]
    drawn = draw(
        asked, QUEUED // 2, QUEUED // 2, 3, 1, "gate", Design(strata=("margin", "length"), overlap=2)
    )
    items = [_marked_item(item) for item in drawn]
    run.add_review_items(items)
    for number, name in enumerate(SHARED[1:3]):
        run.add_checkpoint(Checkpoint(id=name, sha256=f"{number:064x}", path=f"/{name}", round=number))
    run.add_decision(
        Decision(
            round=1,
            kind="keep",
            policy=SHARED[1],
            candidate=SHARED[2],
            incumbent=SHARED[1],
            reason="not sure",
        )
    )
    for stage in ("sample", "judge", "spot_check", "pair", "train", "gate"):
        run.mark(StageMarker(round=1, stage=stage, seconds=1.0))
    refresh(run)
    by_id = {one.comparison.id: one for one in all_marked}
    return Leaky(run, {item.id: by_id[item.comparison_id] for item in items}, all_marked[-1])


def _marked_item(item: ReviewItem) -> ReviewItem:
    reasons = (SHARED[4],) if item.lane == "targeted" else ()
    stratum = SHARED[3] if item.lane == "random" else ""
    return item.model_copy(update={"reasons": reasons, "stratum": stratum, "overlap": 2})
