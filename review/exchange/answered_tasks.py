"""Answers to tasks that were exported.

What an answer from elsewhere counts for follows from what is known of it here. It bears the lane and the chance of the
item that was exported, and the sides of the export. It is blind, and so may enter an estimate, where its item still
waited for answers when the file came (no page has shown the verdict to anybody) and its reviewer was not shown it on
purpose.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from prompts.hashing import content_id
from review.exchange.intake import Intake, comparison_of, names_of, portable, reviewer_of
from review.exchange.reading import Wrong
from review.exchange.tasks import Answer, Returned, shown
from review.questions import mark_of, principles_of, sides, value_of
from store.exported_tasks import ExportedTask
from store.records import Comparison, Label, Mark, ReviewItem


def answered_tasks(intake: Intake, rows: Sequence[tuple[str, Returned]]) -> Iterator[tuple[str, Label]]:
    """The labels that answers make, one of each person on each task."""
    tasks = intake.store.exported_tasks({returned.task for _, returned in rows})
    answered = [(place, returned) for place, returned in rows if returned.answer is not None]
    intake.taken.unanswered += len(rows) - len(answered)
    names = names_of(intake, [returned.answer.reviewer for _, returned in answered if returned.answer])
    # In the order of their items, so that two imports at once wait for each other instead of locking each other.
    items = {
        task.item_id: intake.store.locked_item(task.item_id)
        for task in sorted(tasks.values(), key=lambda task: task.item_id)
    }
    waiting = {item_id for item_id in items if intake.store.is_wanted(item_id)}
    seen: dict[tuple[str, str], Answer] = {}
    for place, returned in rows:
        try:
            if (task := tasks.get(returned.task)) is None:
                raise Wrong(f"no task {returned.task!r} was exported from run {intake.store.name!r}")
            item = items[task.item_id]
            comparison = comparison_of(intake, item.comparison_id)
            _check_sides(returned, comparison, task)
            if (answer := returned.answer) is None:
                continue
            reviewer = reviewer_of(intake, answer, names)
            before = seen.setdefault((task.id, reviewer), answer)
            if replace(before, stamp="", seconds=None) != replace(answer, stamp="", seconds=None):
                raise Wrong(f"{reviewer!r} answers {task.id} twice, and not the same")
            if before is answer:
                label = _label(intake, item, task, comparison, answer, reviewer, waiting=item.id in waiting)
                if label is not None:
                    yield place, label
        except Wrong as wrong:
            intake.refuse(place, wrong)


def _label(
    intake: Intake,
    item: ReviewItem,
    task: ExportedTask,
    comparison: Comparison,
    answer: Answer,
    reviewer: str,
    *,
    waiting: bool,
) -> Label | None:
    """The label that an answer makes; None where it is there, or was and has been revised since."""
    marks = _marks(intake, answer, comparison, task)
    value = value_of(answer.choice, swapped=task.swapped)
    key = content_id("imp", task.id, value, marks, answer.reason, answer.flagged, answer.stamp)
    own = [one for one in intake.store.label_history(item.id) if one.reviewer == reviewer]
    latest = max(own, key=lambda one: one.revision, default=None)
    if any(one.key == key for one in own) or (
        latest is not None
        and (latest.value, latest.reason) == (value, answer.reason)
        and marks in (None, latest.marks)
        and answer.flagged in (None, latest.flagged)
    ):
        intake.taken.present += 1
        return None
    return Label(
        item_id=item.id,
        comparison_id=comparison.id,
        value=value,
        reviewer=reviewer,
        lane=item.lane,
        inclusion_probability=item.inclusion_probability,
        swapped=task.swapped,
        revision=latest.revision + 1 if latest else 0,
        blind=waiting and not intake.store.revealed(reviewer, [comparison.id]),
        source="import",
        marks=marks or {},
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
