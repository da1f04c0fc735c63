"""What comes back, written to the store: all of a file, or nothing of it.

The whole file is read and checked first, and one transaction writes it. What is there already is left as it is, so the
same file may come twice. What each kind of row counts for stands with it: `stored_labels`, `answered_tasks`,
`preferences`.
"""

from collections.abc import Sequence
from typing import BinaryIO

from review.errors import BadFile
from review.exchange.answered_tasks import answered_tasks, ready_answers
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
    intake = Intake(store, format, reviewers or Reviewers())
    # What never changes is checked before anybody has to wait: nothing else is written while this is.
    ready = ready_answers(intake, returned)
    refuse(intake.faults)
    with store.database.together():
        made = [
            *stored_labels(intake, labels),
            *answered_tasks(intake, ready),
            *preferences(intake, preferred),
        ]
        _check_revisions(intake, made)
        refuse(intake.faults)
        try:
            intake.taken.added = store.add_labels([label for _, label in made])
        except BadUnit as error:
            raise BadFile(f"nothing was imported: {error}") from error
    counted = [
        label for _, label in made if label.blind and label.lane == "random" and label.value != "withdrawn"
    ]
    intake.taken.counted = len(counted)
    return intake.taken


def _check_revisions(intake: Intake, made: Sequence[tuple[str, Label]]) -> None:
    """That no two rows are the same revision of one person on one item."""
    seen: dict[tuple[str, str, int], str] = {}
    for place, label in made:
        before = seen.setdefault((label.item_id, label.reviewer, label.revision), place)
        if before != place:
            intake.refuse(
                place, f"is revision {label.revision} of {label.reviewer!r} on one item, and so is {before}"
            )
