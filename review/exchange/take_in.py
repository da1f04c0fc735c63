"""What comes back, written to the store: all of a file, or nothing of it.

The whole file is read and checked first, and one transaction writes it. What is there already is left as it is, so the
same file may come twice. What each kind of row counts for stands with it: `stored_labels`, `answered_tasks`,
`preferences`.
"""

from typing import BinaryIO

from review.exchange.answered_tasks import answered_tasks
from review.exchange.formats import Format
from review.exchange.intake import Intake, Reviewers, Taken
from review.exchange.preferences import preferences
from review.exchange.reading import refuse, settled
from review.exchange.stored_labels import stored_labels
from review.exchange.tasks import Preference, Returned
from store.errors import BadUnit
from store.records import Label
from store.run import RunStore

__all__ = ["Reviewers", "Taken", "take_in"]


def take_in(store: RunStore, format: Format, file: BinaryIO, reviewers: Reviewers | None = None) -> Taken:
    """Import a file. Raises BadFile, and then nothing was written."""
    rows = settled(format.read(file))
    labels = [(row.place, row.content) for row in rows if isinstance(row.content, Label)]
    returned = [(row.place, row.content) for row in rows if isinstance(row.content, Returned)]
    preferred = [(row.place, row.content) for row in rows if isinstance(row.content, Preference)]
    with store.database.together():
        intake = Intake(store, format, reviewers or Reviewers())
        made = [
            *stored_labels(intake, labels),
            *answered_tasks(intake, returned),
            *preferences(intake, preferred),
        ]
        refuse(intake.faults)
        for place, label in made:
            _add(intake, place, label)
        refuse(intake.faults)
    return intake.taken


def _add(intake: Intake, place: str, label: Label) -> None:
    try:
        added = intake.store.add_label(label)
    except BadUnit as error:
        intake.refuse(place, error)
        return
    taken = intake.taken
    taken.added += added
    taken.counted += added and label.blind and label.lane == "random" and label.value != "withdrawn"
    taken.present += not added
