"""The review page as a test uses it: keys, clicks, and what can be seen of them."""

from collections import Counter
from typing import Any

from review.questions import choice_of
from store.records import Label
from store.run import RunStore

SETTLE_MS = 320
"""A little longer than the page refuses an answer after a question appeared."""

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


class DeskPage:
    """A page at the desk of a run."""

    def __init__(self, page: Any, run: str = "desk") -> None:
        self.page = page
        self.run = run

    def open(self) -> "DeskPage":
        self.page.goto(f"/review/{self.run}")
        return self.settled()

    def settled(self) -> "DeskPage":
        """A question is there, and may be answered."""
        self.page.locator("#sides").wait_for()
        self.page.wait_for_timeout(SETTLE_MS)
        return self

    @property
    def prompt(self) -> str:
        return str(self.page.locator("#prompt-text").inner_text())

    @property
    def said(self) -> str:
        return str(self.page.locator("#said").inner_text())

    def answer(self, key: str) -> None:
        """Press a verdict's key; the next question, or the word that there is none, is awaited."""
        before = self.prompt
        self.page.keyboard.press(key)
        self.page.wait_for_function(
            "before => document.getElementById('sides').hidden "
            "? document.getElementById('place').ariaBusy !== 'true' "
            ": document.getElementById('prompt-text').innerText !== before",
            arg=before,
        )
        self.page.wait_for_timeout(SETTLE_MS)

    def click(self, action: str) -> None:
        self.page.locator(f'[data-action="{action}"]:visible').last.click()

    def placed(self, text: str) -> None:
        """Wait for what stands where no question is."""
        self.page.locator("#place-text", has_text=text).wait_for()

    def sent(self) -> "DeskPage":
        """Nothing waits to be sent any more."""
        self.page.wait_for_function(
            "() => !Object.keys(localStorage).some(name => name.startsWith('rlaif outbox'))"
        )
        return self

    def waiting(self) -> int:
        return int(
            self.page.evaluate(
                "Object.keys(localStorage).filter(name => name.startsWith('rlaif outbox')).length"
            )
        )

    @property
    def focus(self) -> str:
        """The id, or else the tag, of what has the focus."""
        return str(
            self.page.evaluate("document.activeElement.id || document.activeElement.tagName.toLowerCase()")
        )


def standing(run: RunStore, reviewer: str = "rita") -> dict[str, Label]:
    """The reviewer's labels that stand, by prompt."""
    found = {}
    for label in run.votes(reviewer, 0, 1_000):
        found[run.comparison(label.comparison_id).prompt.messages[-1].content] = label
    return found


def choices(run: RunStore, reviewer: str = "rita") -> list[str]:
    """What this reviewer chose, as they saw the sides, in the order of the prompts."""
    labels = standing(run, reviewer)
    return [choice_of(labels[prompt].value, swapped=labels[prompt].swapped) for prompt in sorted(labels)]


def written(run: RunStore) -> Counter[str]:
    """How many labels were ever written, by item."""
    count: Counter[str] = Counter()
    for item in run.review_items(1):
        count[item.id] += len(run.label_history(item.id))
    return count
