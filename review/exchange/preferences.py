"""Preferences made elsewhere, found again by their texts.

Such a one bears no design at all: nobody drew what it is about, and nothing is known of what its author had seen. It
stands beside other labels in the pairs, in the `override` lane, not blind, and enters no estimate.
"""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from prompts.hashing import content_id
from prompts.prompt import Message
from review.exchange.intake import Intake, override_item, person
from review.exchange.reading import Wrong
from review.exchange.tasks import Preference
from store import tables
from store.records import Comparison, Label, LabelValue


def preferences(intake: Intake, rows: Sequence[tuple[str, Preference]]) -> Iterator[tuple[str, Label]]:
    """The labels that preferences make, one on each comparison that has these texts."""
    if not rows:
        return
    reviewer = intake.reviewers.everybody
    if reviewer is None:
        intake.refuse(rows[0][0], "preferences bear no reviewer; give --reviewer NAME")
        return
    wanted = {_texts(one.prompt, one.chosen, one.rejected): (place, one) for place, one in rows}
    found: dict[str, list[Comparison]] = {}
    for comparison in _comparisons(intake):
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
                    if (label := _preferred(intake, one, comparison, person(reviewer))) is not None:
                        yield place, label
        except Wrong as wrong:
            intake.refuse(place, wrong)


def _preferred(intake: Intake, one: Preference, comparison: Comparison, reviewer: str) -> Label | None:
    item = override_item(intake, comparison)
    value: LabelValue = "better" if comparison.first.text == one.chosen else "worse"
    key = content_id("imp", comparison.id, value)
    own = [label for label in intake.store.label_history(item.id) if label.reviewer == reviewer]
    latest = max(own, key=lambda label: label.revision, default=None)
    if (latest is not None and latest.value == value) or any(label.key == key for label in own):
        intake.taken.present += 1
        return None
    if latest is not None and latest.source == "override" and latest.value != "withdrawn":
        raise Wrong(
            f"{reviewer!r} has an override on {comparison.id} that says otherwise; take it back first"
        )
    return Label(
        item_id=item.id,
        comparison_id=comparison.id,
        value=value,
        reviewer=reviewer,
        lane="override",
        inclusion_probability=1.0,
        revision=latest.revision + 1 if latest else 0,
        blind=False,
        source="import",
        key=key,
    )


def _comparisons(intake: Intake) -> Iterator[Comparison]:
    """Those of the policies' own answers."""
    table = tables.comparisons
    query = sa.select(table.c.round, table.c.purpose).where(
        table.c.run == intake.store.name, table.c.purpose.in_(("train", "gate"))
    )
    with intake.store.database.read() as connection:
        kinds = connection.execute(query.distinct().order_by(table.c.round, table.c.purpose)).all()
    for round, purpose in kinds:
        yield from intake.store.comparisons(round, purpose)


def _texts(prompt: Sequence[Message], one: str, other: str) -> str:
    """A name for a prompt and two answers, whichever comes first."""
    messages = [(message.role, message.content) for message in prompt]
    return content_id("txt", messages, sorted((one, other)))
