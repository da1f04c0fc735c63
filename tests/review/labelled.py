"""A run with a drawn audit that a test fills by hand: each comparison with its verdict, its chance and its labels."""

from datetime import UTC, datetime, timedelta
from typing import Any

from store.records import (
    Comparison,
    Label,
    LabelValue,
    Message,
    Part,
    Prompt,
    ReviewItem,
    Run,
    Sample,
    Verdict,
)
from store.run import RunStore
from store.store import Store

START = datetime(2031, 3, 4, 9, tzinfo=UTC)


class Labelled:
    """Adds items one by one, and labels on them, a second after each other."""

    def __init__(self, store: Store, name: str = "labelled", **config: Any) -> None:
        self.run: RunStore = store.create_run(Run(name=name, seed=0, config_hash="h", config=config))
        self._count = 0
        self._revisions: dict[tuple[str, str], int] = {}

    def item(
        self,
        p: float | None,
        *,
        prompt: str | None = None,
        parts: dict[str, float] | None = None,
        round: int = 1,
        purpose: Any = "train",
        **more: Any,
    ) -> ReviewItem:
        """An item of the random lane, drawn with a chance of a quarter, on a comparison with verdict `p`."""
        number = self._count
        self._count += 1
        message = Message(role="user", content=prompt or f"Question {number}?")
        asked = Prompt(messages=(message,), split="train" if purpose == "train" else "heldout")
        first, second = (
            Sample(
                prompt_id=asked.id, policy="rev_0", round=round, purpose=purpose, index=2 * number + side, seed=0,
                settings="s", text=f"answer {number} {side}", tokens=3, finish_reason="stop",
            )
            for side in (0, 1)
        )  # fmt: skip
        comparison = Comparison(
            prompt=asked, first=first, second=second, round=round, purpose=purpose, constitution="c"
        )
        self.run.add_prompts([asked])
        self.run.add_samples([first, second])
        self.run.add_comparisons([comparison])
        self.run.add_verdicts(
            [
                Verdict(
                    comparison_id=comparison.id, judge="scripted", template="t", constitution="c", p_first=p,
                    by_principle={name: Part(p_first=said) for name, said in parts.items()} if parts else None,
                    unscored="no answer" if p is None else None,
                )
            ]
        )  # fmt: skip
        return self.draw(comparison.id, round=round, purpose=purpose, **more)

    def draw(self, comparison_id: str, **more: Any) -> ReviewItem:
        """A further item on a comparison: a repeat, or another lane."""
        fixed = {
            "round": 1, "purpose": "train", "lane": "random", "inclusion_probability": 0.25, "seed": 0,
            "position": self._count,
        }  # fmt: skip
        item = ReviewItem(comparison_id=comparison_id, **{**fixed, **more})
        self.run.add_review_items([item])
        return item

    def say(self, item: ReviewItem, value: LabelValue, reviewer: str = "ada", **more: Any) -> Label:
        """A label, blind unless told otherwise; said again on the same item it is a revision."""
        revision = self._revisions.get((item.id, reviewer), -1) + 1
        self._revisions[item.id, reviewer] = revision
        fixed = {"created_at": START + timedelta(seconds=self._count)}
        self._count += 1
        label = Label(
            item_id=item.id, comparison_id=item.comparison_id, value=value, reviewer=reviewer, lane=item.lane,
            inclusion_probability=item.inclusion_probability, revision=revision, **{**fixed, **more},
        )  # fmt: skip
        self.run.add_label(label)
        return label
