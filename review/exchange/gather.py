"""What leaves, read from the store.

Labels say in which lane their item was drawn and which sample was which, so those on comparisons that are withheld stay
here unless they are asked for, and the export says on how many comparisons. Tasks are questions that wait for answers,
and tell nothing; so nothing is left out of them but the repeat lane, which asks the same person again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

import sqlalchemy as sa

from judge.ranks.standing import Standing, standing_labels
from review.blinding import withheld_ids
from review.errors import BadFile
from review.exchange.formats import Format, What
from review.exchange.tasks import Answer, Preference, Task
from review.questions import SideMark, choice_of, principles_of, sides
from store import tables
from store.exported_tasks import ExportedTask
from store.records import Label, Mark, Purpose
from store.run import RunStore
from store.scope import CHUNK, chunks, columns_of

T = TypeVar("T")
NOBODY = ""
"""No account has this name: what is withheld from it is what is withheld from everybody."""


@dataclass
class Leaving:
    """An export on its way: `chunks` is its text, `written` counts while it goes."""

    what: What
    chunks: Iterator[str]
    withheld: int = 0
    """Comparisons whose labels stay here, because people are still to answer them."""
    written: int = 0


def leaving(
    store: RunStore,
    format: Format,
    what: What | None = None,
    *,
    round: int | None = None,
    viewer: str = NOBODY,
    waiting: bool = False,
) -> Leaving:
    """An export of a run, or of one round of it; `what` is what the format is for where it is None.

    What is withheld from `viewer` stays, unless `waiting` asks for it. Raises BadFile for what the format cannot hold.
    """
    what = what or format.writes[0]
    if what not in format.writes:
        raise BadFile(f"{format.name} holds no {what}; it holds {', '.join(format.writes)}")
    if what == "form" and format.form is not None:
        return Leaving(what, iter((format.form(),)), written=1)
    hidden: set[str] = set() if what == "tasks" or waiting else withheld_ids(store, viewer)
    made = Leaving(what, iter(()), len(_labelled(store, round) & hidden) if hidden else 0)
    if what == "labels" and format.labels is not None:
        made.chunks = format.labels(_counted(_labels(store, round, hidden), made))
    elif what == "labels" and format.tasks is not None:
        made.chunks = format.tasks(_counted(_answered(store, round, hidden), made))
    elif what == "tasks" and format.tasks is not None:
        made.chunks = format.tasks(_counted(_open(store, round), made))
    elif format.pairs is not None:
        made.chunks = format.pairs(_counted(_preferences(store, round, hidden), made))
    return made


def _counted(of: Iterable[T], made: Leaving) -> Iterator[T]:
    for one in of:
        made.written += 1
        yield one


def _labels(store: RunStore, round: int | None, hidden: set[str]) -> Iterator[Label]:
    """Every label, revisions and withdrawals too, by id; a page is a transaction of its own."""
    labels, items = tables.labels, tables.review_items
    query = sa.select(*columns_of(Label, labels)).where(labels.c.run == store.name)
    if round is not None:
        query = query.join(items, (items.c.run == labels.c.run) & (items.c.id == labels.c.item_id))
        query = query.where(items.c.round == round)
    query = query.order_by(labels.c.id).limit(CHUNK)
    last = ""
    while True:
        with store.database.read() as connection:
            page = connection.execute(query.where(labels.c.id > last)).all()
        for row in page:
            if row.comparison_id not in hidden:
                yield Label(**row._mapping)
        if len(page) < CHUNK:
            return
        last = page[-1].id


def _labelled(store: RunStore, round: int | None) -> set[str]:
    """The comparisons that have labels."""
    labels, items = tables.labels, tables.review_items
    query = sa.select(labels.c.comparison_id).where(labels.c.run == store.name).distinct()
    if round is not None:
        query = query.join(items, (items.c.run == labels.c.run) & (items.c.id == labels.c.item_id))
        query = query.where(items.c.round == round)
    with store.database.read() as connection:
        return set(connection.scalars(query))


def _open(store: RunStore, round: int | None) -> Iterator[Task]:
    """The questions that wait, in the order of the queue."""
    for some in chunks(item for item in store.open_items(NOBODY, round=round) if item.lane != "repeat"):
        tasks = store.export_tasks(item.id for item in some)
        for item in some:
            yield _task(store, tasks[item.id], item.comparison_id)


def _answered(store: RunStore, round: int | None, hidden: set[str]) -> Iterator[Task]:
    """Drawn questions with each reviewer's latest answer, in the order of the queue."""
    standing = (label for draw in _draws(store, round) for label in store.labels(*draw))
    kept = (
        label
        for label in standing
        if label.lane in ("random", "targeted") and label.comparison_id not in hidden
    )
    for some in chunks(list(of_item) for _, of_item in groupby(kept, key=lambda label: label.item_id)):
        tasks = store.export_tasks(labels[0].item_id for labels in some)
        for labels in some:
            task = tasks[labels[0].item_id]
            answers = tuple(_answer(label, swapped=task.swapped) for label in labels)
            yield _task(store, task, labels[0].comparison_id, answers)


def _preferences(store: RunStore, round: int | None, hidden: set[str]) -> Iterator[Preference]:
    """What people prefer where they prefer anything, all their labels together (see `judge.ranks.standing`)."""
    for draw in _draws(store, round):
        labels = (label for label in store.labels(*draw) if label.lane != "repeat")
        standing: dict[str, Standing] = standing_labels(labels)
        for comparison_id, people in sorted(standing.items()):
            if people.decided and comparison_id not in hidden:
                comparison = store.comparison(comparison_id)
                chosen, rejected = sides(comparison, swapped=people.p_first < 0.5)
                yield Preference(comparison.prompt.messages, chosen, rejected)


def _draws(store: RunStore, round: int | None) -> list[tuple[int, Purpose]]:
    """The rounds and purposes that have items."""
    items = tables.review_items
    query = sa.select(items.c.round, items.c.purpose).where(items.c.run == store.name).distinct()
    if round is not None:
        query = query.where(items.c.round == round)
    with store.database.read() as connection:
        rows = connection.execute(query.order_by(items.c.round, items.c.purpose)).all()
    return [(row[0], row[1]) for row in rows]


def _task(store: RunStore, task: ExportedTask, comparison_id: str, answers: tuple[Answer, ...] = ()) -> Task:
    comparison = store.comparison(comparison_id)
    left, right = sides(comparison, swapped=task.swapped)
    principles = principles_of(store, comparison)
    return Task(task.id, comparison.prompt.messages, left, right, principles, answers)


def _answer(label: Label, *, swapped: bool) -> Answer:
    return Answer(
        choice=choice_of(label.value, swapped=swapped),
        reviewer=label.reviewer,
        marks={id: _side(mark, swapped=swapped) for id, mark in label.marks.items()},
        reason=label.reason,
        flagged=label.flagged,
        seconds=label.seconds,
    )


def _side(mark: Mark, *, swapped: bool) -> SideMark:
    if mark == "same":
        return "same"
    return "left" if (mark == "first") != swapped else "right"
