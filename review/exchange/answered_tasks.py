"""Answers to tasks that were exported.

What an answer from elsewhere counts for follows from what is known of it here. It bears the lane and the chance of the
item that was exported, and the sides of the export. It is blind, and so may enter an estimate, where its item still
waited for answers when the file came (no page has shown the verdict to anybody) and its reviewer was not shown it on
purpose.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from prompts.hashing import content_id
from review.exchange.intake import Intake, comparison_of, names_of, portable, reviewer_of
from review.exchange.reading import Wrong
from review.exchange.tasks import Answer, Returned, shown
from review.questions import mark_of, principles_of, sides, value_of
from store.exported_tasks import ExportedTask
from store.label_batches import LockedItem
from store.records import Comparison, Label, LabelValue, Mark


class Ready(NamedTuple):
    """An answer that can be taken in, in terms of its comparison's first sample."""

    place: str
    task: ExportedTask
    comparison_id: str
    reviewer: str
    value: LabelValue
    marks: dict[str, Mark] | None
    answer: Answer


def ready_answers(intake: Intake, rows: Sequence[tuple[str, Returned]]) -> list[Ready]:
    """The answers of a file, one of each person on each task, checked against what never changes."""
    tasks = intake.store.exported_tasks({returned.task for _, returned in rows})
    answered = [returned.answer for _, returned in rows if returned.answer is not None]
    intake.taken.unanswered += len(rows) - len(answered)
    names = names_of(intake, [answer.reviewer for answer in answered])
    ready: dict[tuple[str, str], Ready] = {}
    for place, returned in rows:
        try:
            if (task := tasks.get(returned.task)) is None:
                raise Wrong(f"no task {returned.task!r} was exported from run {intake.store.name!r}")
            comparison = comparison_of(intake, intake.store.review_item(task.item_id).comparison_id)
            _check_sides(returned, comparison, task)
            if (answer := returned.answer) is None:
                continue
            reviewer = reviewer_of(intake, answer, names)
            value = value_of(answer.choice, swapped=task.swapped)
            marks = _marks(intake, answer, comparison, task)
            one = Ready(place, task, comparison.id, reviewer, value, marks, answer)
            before = ready.setdefault((task.id, reviewer), one).answer
            if replace(before, stamp="", seconds=None) != replace(answer, stamp="", seconds=None):
                raise Wrong(f"{reviewer!r} answers {task.id} twice, and not the same")
        except Wrong as wrong:
            intake.refuse(place, wrong)
    return list(ready.values())


def answered_tasks(intake: Intake, ready: Sequence[Ready]) -> Iterator[tuple[str, Label]]:
    """The labels that answers make, under what holds now and until they are written."""
    items = intake.store.locked_items(one.task.item_id for one in ready)
    histories = intake.store.label_histories(items)
    shown_to = {
        reviewer: intake.store.revealed(reviewer, {one.comparison_id for one in ready})
        for reviewer in {one.reviewer for one in ready}
    }
    for one in ready:
        history = histories.get(one.task.item_id, [])
        own = [label for label in history if label.reviewer == one.reviewer]
        saw_it = one.comparison_id in shown_to[one.reviewer]
        label = _label(one, items[one.task.item_id], own, saw_it=saw_it)
        if label is None:
            intake.taken.present += 1
        else:
            yield one.place, label


def _label(one: Ready, locked: LockedItem, own: Sequence[Label], *, saw_it: bool) -> Label | None:
    """The label that an answer makes; None where it is there, or was and has been revised since."""
    answer, item = one.answer, locked.item
    said = (one.value, one.marks, answer.reason, answer.flagged)
    key = content_id("imp", one.task.id, *said, answer.stamp)
    latest = max(own, key=lambda label: label.revision, default=None)
    if any(label.key == key for label in own) or (
        latest is not None
        and (latest.value, latest.reason) == (one.value, answer.reason)
        and one.marks in (None, latest.marks)
        and answer.flagged in (None, latest.flagged)
    ):
        return None
    return Label(
        item_id=item.id,
        comparison_id=item.comparison_id,
        value=one.value,
        reviewer=one.reviewer,
        lane=item.lane,
        inclusion_probability=item.inclusion_probability,
        swapped=one.task.swapped,
        revision=latest.revision + 1 if latest else 0,
        blind=locked.wanted and not saw_it,
        source="import",
        marks=one.marks or {},
        reason=answer.reason,
        flagged=bool(answer.flagged),
        seconds=answer.seconds,
        key=key,
    )


def _marks(
    intake: Intake, answer: Answer, comparison: Comparison, task: ExportedTask
) -> dict[str, Mark] | None:
    if answer.marks is None:
        return None
    known = {id for id, _ in principles_of(intake.store, comparison)}
    if unknown := set(answer.marks) - known:
        listed = ", ".join(sorted(known)) or "none"
        raise Wrong(f"{min(unknown)[:80]!r} is no principle of this question; they are {listed}")
    return {id: mark_of(mark, swapped=task.swapped) for id, mark in answer.marks.items()}


def _check_sides(returned: Returned, comparison: Comparison, task: ExportedTask) -> None:
    """That the texts stand where they stood when they left, where the file has them. Raises Wrong."""
    for side, given, ours in zip(
        ("left", "right"),
        (returned.left, returned.right),
        sides(comparison, swapped=task.swapped),
        strict=True,
    ):
        if given is None or _folded(given) == _folded(ours) or _folded(given) == _folded(shown(ours)):
            continue
        raise Wrong(
            f"{side} is not the text that was exported as {task.id}; answers count by side, so leave columns and "
            "texts as they were"
        )


def _folded(text: str) -> str:
    """A text as it survives other tools, which change spaces and line ends."""
    return " ".join(portable(text).split())
