"""The formats by name: what each can write, and how it is read."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

from review.exchange import argilla, jsonl, label_studio, sheet, trl
from review.exchange.tasks import Fault, Preference, Row, Task
from store.records import Label

FormatName = Literal["jsonl", "csv", "trl", "argilla", "label-studio"]
What = Literal["labels", "tasks", "pairs", "form"]
"""What leaves: labels as stored (in tools that know no labels: tasks with their answers), questions to be answered
elsewhere, people's preferences for training, or what a tool asks its users (its settings, its configuration)."""


@dataclass(frozen=True)
class Format:
    """One format. What it cannot write is None."""

    name: FormatName
    suffix: str
    media_type: str
    read: Callable[[BinaryIO], Iterator[Row | Fault]]
    labels: Callable[[Iterable[Label]], Iterator[str]] | None = None
    tasks: Callable[[Iterable[Task]], Iterator[str]] | None = None
    pairs: Callable[[Iterable[Preference]], Iterator[str]] | None = None
    form: Callable[[], str] | None = None
    known_as: Callable[[str], str] = str
    """The name under which the format knows a reviewer of ours."""

    @property
    def writes(self) -> tuple[What, ...]:
        """What it can write, its own first."""
        able: dict[What, bool] = {
            "labels": self.labels is not None or self.tasks is not None,
            "tasks": self.tasks is not None,
            "pairs": self.pairs is not None,
            "form": self.form is not None,
        }
        found = [what for what, can in able.items() if can]
        return tuple(found if self.labels else sorted(found, key=lambda what: what == "labels"))


FORMATS: dict[FormatName, Format] = {
    one.name: one
    for one in (
        Format(
            "jsonl", "jsonl", "application/x-ndjson", jsonl.read, labels=jsonl.labels, tasks=jsonl.tasks
        ),
        Format("csv", "csv", "text/csv", sheet.read, labels=sheet.labels, tasks=sheet.tasks),
        Format("trl", "jsonl", "application/x-ndjson", trl.read, pairs=trl.pairs),
        Format(
            "argilla", "json", "application/json", argilla.read, tasks=argilla.tasks, form=argilla.form,
            known_as=argilla.user_id,
        ),
        Format(
            "label-studio", "json", "application/json", label_studio.read, tasks=label_studio.tasks,
            form=label_studio.form,
        ),
    )
}  # fmt: skip
