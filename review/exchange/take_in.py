"""What comes back, written to the store: all of a file, or nothing of it.

The whole file is read and checked first, and one transaction writes it. What is there already is left as it is, so the
same file may come twice.

What an answer from elsewhere counts for follows from what is known of it here. It bears the lane and the chance of the
item that was exported, and the sides of the export. It is blind, and so may enter an estimate, where its item still
waited for answers when the file came (no page has shown the verdict to anybody) and its reviewer was not shown it on
purpose. A preference made elsewhere bears no design at all: it stands beside other labels in the pairs, in the
`override` lane, not blind, and enters no estimate. Labels in our own formats are what they say, where the store does
not know better.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import sqlalchemy as sa

from prompts.hashing import content_id
from review.errors import ReviewError
from review.exchange.formats import Format
from review.exchange.reading import MAX_NAME, Wrong, refuse, settled
from review.exchange.tasks import Answer, Fault, Preference, Returned, Row, shown
from review.questions import mark_of, named, principles_of, sides, value_of
from review.visible import visible
from store import tables
from store.errors import BadUnit, NotFound
from store.exported_tasks import ExportedTask
from store.records import Comparison, Label, Mark, ReviewItem
from store.run import RunStore


@dataclass(frozen=True)
class Reviewers:
    """Who the people of a file are: all of it one person, or by the names the file has for them."""

    everybody: str | None = None
    by_name: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Taken:
    """What became of a file."""

    added: int = 0
    counted: int = 0
    """Of those added: blind, and on items drawn at random, so that estimates count them."""
    present: int = 0
    """Stored already."""
    unanswered: int = 0
    """Tasks that nobody answered."""


def take_in(store: RunStore, format: Format, file: BinaryIO, reviewers: Reviewers | None = None) -> Taken:
    """Import a file. Raises BadFile, and then nothing was written."""
    rows = settled(format.read(file))
    with store.database.together():
        return _Import(store, format, reviewers or Reviewers()).take(rows)


class _Import:
    """One file on its way into the store, inside one transaction."""

    def __init__(self, store: RunStore, format: Format, reviewers: Reviewers) -> None:
        self.store, self.format, self.reviewers = store, format, reviewers
        self.taken = Taken()
        self.faults: list[Fault] = []

    def take(self, rows: Sequence[Row]) -> Taken:
        labels = [(row.place, row.content) for row in rows if isinstance(row.content, Label)]
        returned = [(row.place, row.content) for row in rows if isinstance(row.content, Returned)]
        preferences = [(row.place, row.content) for row in rows if isinstance(row.content, Preference)]
        made = [*self._stored(labels), *self._answers(returned), *self._preferences(preferences)]
        refuse(self.faults)
        for place, label in made:
            self._add(place, label)
        refuse(self.faults)
        return self.taken

    def _add(self, place: str, label: Label) -> None:
        try:
            added = self.store.add_label(label)
        except BadUnit as error:
            self.faults.append(Fault(place, str(error)))
            return
        self.taken.added += added
        self.taken.counted += added and label.blind and label.lane == "random" and label.value != "withdrawn"
        self.taken.present += not added

    # Labels as they were stored

    def _stored(self, rows: Sequence[tuple[str, Label]]) -> Iterator[tuple[str, Label]]:
        if rows and self.reviewers != Reviewers():
            self.faults.append(Fault(rows[0][0], "labels bear their reviewers; leave --reviewer out"))
        for place, label in sorted(rows, key=lambda row: (row[1].item_id, row[1].reviewer, row[1].revision)):
            try:
                if self._is_stored(label):
                    self.taken.present += 1
                else:
                    self._check(label)
                    yield place, label
            except Wrong as wrong:
                self.faults.append(Fault(place, str(wrong)))

    def _is_stored(self, label: Label) -> bool:
        try:
            known = self.store.label(label.id)
        except NotFound:
            return False
        ours, theirs = known.model_dump(), label.model_dump()
        ours["reason"], theirs["reason"] = _portable(known.reason), _portable(label.reason)
        if differing := [name for name in ours if ours[name] != theirs[name]]:
            raise Wrong(f"label {label.id} is stored already, with another {', '.join(differing)}")
        return True

    def _check(self, label: Label) -> None:
        """That a label is one on an item of this run, drawn as the label says. Raises Wrong."""
        _person(label.reviewer)
        try:
            item = self.store.locked_item(label.item_id)
        except NotFound as error:
            if label.lane != "override":
                raise Wrong(
                    f"run {self.store.name!r} has no item {label.item_id}; labels go back to the run they are of"
                ) from error
            item = self._override_item(self._comparison(label.comparison_id))
        for name in ("comparison_id", "lane", "inclusion_probability"):
            if getattr(item, name) != getattr(label, name):
                raise Wrong(
                    f"{name} is {getattr(label, name)!r}, and of item {item.id} it is {getattr(item, name)!r}"
                )
        if item.id != label.item_id:
            raise Wrong(f"item_id is not that of an override on {label.comparison_id}")
        if label.blind and self._was_shown(label):
            raise Wrong(
                f"blind is true, and {label.reviewer!r} was shown the verdict before this label was given"
            )

    def _was_shown(self, label: Label) -> bool:
        reveals = tables.reveals
        query = sa.select(reveals.c.created_at).where(
            reveals.c.run == self.store.name,
            reveals.c.comparison_id == label.comparison_id,
            reveals.c.reviewer == label.reviewer,
        )
        with self.store.database.read() as connection:
            shown_at = connection.scalar(query)
        return shown_at is not None and shown_at <= label.created_at

    # Answers to tasks that were exported

    def _answers(self, rows: Sequence[tuple[str, Returned]]) -> Iterator[tuple[str, Label]]:
        tasks = self.store.exported_tasks({returned.task for _, returned in rows})
        answered = [(place, returned) for place, returned in rows if returned.answer is not None]
        self.taken.unanswered += len(rows) - len(answered)
        names = self._names([returned.answer.reviewer for _, returned in answered if returned.answer])
        # In the order of their items, so that two imports at once wait for each other instead of locking each other.
        items = {
            task.item_id: self.store.locked_item(task.item_id)
            for task in sorted(tasks.values(), key=lambda task: task.item_id)
        }
        waiting = {item_id for item_id in items if self.store.is_wanted(item_id)}
        seen: dict[tuple[str, str], Answer] = {}
        for place, returned in rows:
            try:
                if (task := tasks.get(returned.task)) is None:
                    raise Wrong(
                        f"no task {returned.task!r} was exported from run {self.store.name!r}; names are never reused"
                    )
                comparison = self._comparison(items[task.item_id].comparison_id)
                _check_sides(returned, comparison, task)
                if returned.answer is None:
                    continue
                reviewer = self._reviewer(returned.answer, names)
                if (before := seen.get((task.id, reviewer))) is not None:
                    if before != returned.answer:
                        raise Wrong(f"{reviewer!r} answers {task.id} twice, and not the same")
                    continue
                seen[task.id, reviewer] = returned.answer
                item = items[task.item_id]
                label = self._label(item, task, comparison, returned.answer, reviewer, item.id in waiting)
                if label is not None:
                    yield place, label
            except Wrong as wrong:
                self.faults.append(Fault(place, str(wrong)))

    def _label(
        self,
        item: ReviewItem,
        task: ExportedTask,
        comparison: Comparison,
        answer: Answer,
        reviewer: str,
        waiting: bool,
    ) -> Label | None:
        """The label that an answer makes; None where it is there, or was and has been revised since."""
        marks = self._marks(answer, comparison, task)
        value = value_of(answer.choice, swapped=task.swapped)
        key = content_id("imp", task.id, value, marks, answer.reason, answer.flagged, answer.stamp)
        own = [one for one in self.store.label_history(item.id) if one.reviewer == reviewer]
        latest = max(own, key=lambda one: one.revision, default=None)
        if any(one.key == key for one in own) or (
            latest is not None
            and (latest.value, latest.reason) == (value, answer.reason)
            and marks in (None, latest.marks)
            and answer.flagged in (None, latest.flagged)
        ):
            self.taken.present += 1
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
            blind=waiting and not self.store.revealed(reviewer, [comparison.id]),
            source="import",
            marks=marks or {},
            reason=answer.reason,
            flagged=bool(answer.flagged),
            seconds=answer.seconds,
            key=key,
        )

    def _marks(self, answer: Answer, comparison: Comparison, task: ExportedTask) -> dict[str, Mark] | None:
        if answer.marks is None:
            return None
        known = {id for id, _ in principles_of(self.store, comparison)}
        if unknown := set(answer.marks) - known:
            listed = ", ".join(sorted(known)) or "none"
            raise Wrong(f"{min(unknown)[:80]!r} is no principle of this question; they are {listed}")
        return {id: mark_of(mark, swapped=task.swapped) for id, mark in answer.marks.items()}

    def _names(self, theirs: Sequence[str | None]) -> dict[str, str]:
        """Our names of the file's people: those that left from here find back. Raises BadFile."""
        people = {name for name in theirs if name is not None}
        if self.reviewers.everybody is not None and len(people) > 1:
            listed = ", ".join(sorted(people)[:5])
            self.faults.append(
                Fault(
                    "the file",
                    f"{len(people)} people answered ({listed}), so one name does not fit; give --reviewer THEIRS=NAME "
                    "for each whose name is another here",
                )
            )
        labels = tables.labels
        query = sa.select(labels.c.reviewer).where(labels.c.run == self.store.name).distinct()
        with self.store.database.read() as connection:
            ours = {self.format.known_as(name): name for name in connection.scalars(query)}
        return ours | dict(self.reviewers.by_name)

    def _reviewer(self, answer: Answer, names: Mapping[str, str]) -> str:
        theirs = answer.reviewer
        name = self.reviewers.everybody or (None if theirs is None else names.get(theirs, theirs))
        if name is None:
            raise Wrong("says not who answered; give --reviewer NAME")
        return _person(name)

    # Preferences between texts

    def _preferences(self, rows: Sequence[tuple[str, Preference]]) -> Iterator[tuple[str, Label]]:
        if not rows:
            return
        reviewer = self.reviewers.everybody
        if reviewer is None:
            self.faults.append(Fault(rows[0][0], "preferences bear no reviewer; give --reviewer NAME"))
            return
        wanted = {_texts(one.prompt, one.chosen, one.rejected): (place, one) for place, one in rows}
        found: dict[str, list[Comparison]] = {}
        for comparison in self._comparisons():
            key = _texts(comparison.prompt.messages, comparison.first.text, comparison.second.text)
            if key in wanted:
                found.setdefault(key, []).append(comparison)
        for place, one in rows:
            key = _texts(one.prompt, one.chosen, one.rejected)
            try:
                if wanted[key][1] != one:
                    raise Wrong(f"says the opposite of {wanted[key][0]}")
                if key not in found:
                    raise Wrong("no comparison of this run has this prompt and these two answers")
                if wanted[key][0] == place:
                    for comparison in found[key]:
                        if (label := self._preferred(one, comparison, _person(reviewer))) is not None:
                            yield place, label
            except Wrong as wrong:
                self.faults.append(Fault(place, str(wrong)))

    def _preferred(self, one: Preference, comparison: Comparison, reviewer: str) -> Label | None:
        item = self._override_item(comparison)
        value = "better" if comparison.first.text == one.chosen else "worse"
        key = content_id("imp", comparison.id, value)
        own = [label for label in self.store.label_history(item.id) if label.reviewer == reviewer]
        latest = max(own, key=lambda label: label.revision, default=None)
        if (latest is not None and latest.value == value) or any(label.key == key for label in own):
            self.taken.present += 1
            return None
        return Label(
            item_id=item.id,
            comparison_id=comparison.id,
            value="better" if value == "better" else "worse",
            reviewer=reviewer,
            lane="override",
            inclusion_probability=1.0,
            revision=latest.revision + 1 if latest else 0,
            blind=False,
            source="import",
            key=key,
        )

    def _comparisons(self) -> Iterator[Comparison]:
        """Those of the policies' own answers."""
        table = tables.comparisons
        query = sa.select(table.c.round, table.c.purpose).where(
            table.c.run == self.store.name, table.c.purpose.in_(("train", "gate"))
        )
        with self.store.database.read() as connection:
            kinds = connection.execute(query.distinct().order_by(table.c.round, table.c.purpose)).all()
        for round, purpose in kinds:
            yield from self.store.comparisons(round, purpose)

    def _comparison(self, id: str) -> Comparison:
        try:
            return self.store.comparison(id)
        except NotFound as error:
            raise Wrong(f"run {self.store.name!r} has no comparison {id}") from error

    def _override_item(self, comparison: Comparison) -> ReviewItem:
        item = ReviewItem(
            comparison_id=comparison.id,
            round=comparison.round,
            purpose=comparison.purpose,
            lane="override",
            inclusion_probability=1.0,
            seed=self.store.record.seed,
            position=0,
        )
        self.store.add_review_items([item])
        return self.store.locked_item(item.id)


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
    return " ".join(_portable(text).split())


def _portable(text: str) -> str:
    """A text without what UTF-8 cannot hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _texts(prompt: Sequence[object], one: str, other: str) -> str:
    """A name for a prompt and two answers, whichever comes first."""
    messages = [(getattr(message, "role", ""), getattr(message, "content", "")) for message in prompt]
    return content_id("txt", messages, sorted((one, other)))


def _person(name: str) -> str:
    """A reviewer's name as labels bear it. Raises Wrong."""
    try:
        named(name)
    except ReviewError as error:
        raise Wrong(str(error)) from error
    if len(name) > MAX_NAME or visible(name) != name or "\n" in name:
        raise Wrong(
            f"{name[:40]!r} cannot be a reviewer's name: it is longer than {MAX_NAME} or does not show whole"
        )
    return name
