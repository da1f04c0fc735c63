"""What the three ways in share: the store, who the people of the file are, and what was found wrong so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from review.errors import ReviewError
from review.exchange.formats import Format
from review.exchange.reading import MAX_NAME, Wrong
from review.exchange.tasks import Answer, Fault
from review.questions import named
from review.visible import visible
from store import tables
from store.errors import NotFound
from store.records import Comparison, ReviewItem
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


@dataclass
class Intake:
    """One file on its way into the store, inside one transaction."""

    store: RunStore
    format: Format
    reviewers: Reviewers
    taken: Taken = field(default_factory=Taken)
    faults: list[Fault] = field(default_factory=list)

    def refuse(self, place: str, why: object) -> None:
        """Note what is wrong; the file as a whole is refused when all of it has been looked at."""
        self.faults.append(Fault(place, str(why)))


def names_of(intake: Intake, theirs: Sequence[str | None]) -> dict[str, str]:
    """Our names of the file's people: those that left from here find back."""
    people = {name for name in theirs if name is not None}
    if intake.reviewers.everybody is not None and len(people) > 1:
        listed = ", ".join(sorted(people)[:5])
        intake.refuse(
            "the file",
            f"{len(people)} people answered ({listed}), so one name does not fit; give --reviewer THEIRS=NAME for each "
            "whose name is another here",
        )
    labels = tables.labels
    query = sa.select(labels.c.reviewer).where(labels.c.run == intake.store.name).distinct()
    with intake.store.database.read() as connection:
        ours = {intake.format.known_as(name): name for name in connection.scalars(query)}
    return ours | dict(intake.reviewers.by_name)


def reviewer_of(intake: Intake, answer: Answer, names: Mapping[str, str]) -> str:
    """Whose answer it is. Raises Wrong."""
    theirs = answer.reviewer
    name = intake.reviewers.everybody or (None if theirs is None else names.get(theirs, theirs))
    if name is None:
        raise Wrong("says not who answered; give --reviewer NAME")
    return person(name)


def comparison_of(intake: Intake, id: str) -> Comparison:
    """Raises Wrong."""
    try:
        return intake.store.comparison(id)
    except NotFound as error:
        raise Wrong(f"run {intake.store.name!r} has no comparison {id}") from error


def override_item(intake: Intake, comparison: Comparison) -> ReviewItem:
    """The item of what nobody had drawn, made where it is not there, and kept as it is until the import ends."""
    item = ReviewItem(
        comparison_id=comparison.id,
        round=comparison.round,
        purpose=comparison.purpose,
        lane="override",
        inclusion_probability=1.0,
        seed=intake.store.record.seed,
        position=0,
    )
    intake.store.add_review_items([item])
    return intake.store.locked_item(item.id)


def portable(text: str) -> str:
    """A text without what UTF-8 cannot hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def person(name: str) -> str:
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
