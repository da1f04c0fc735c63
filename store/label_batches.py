"""Labels by the thousand: what an import reads and writes while nobody else can write, in a few statements."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from store import tables
from store.labels import Labels
from store.records import Label, ReviewItem
from store.scope import chunks, columns_of

_ITEMS, _LABELS = tables.review_items, tables.labels


class LockedItem(NamedTuple):
    """An item that stays as it is until the transaction ends, and whether it waits for answers."""

    item: ReviewItem
    wanted: bool


class LabelBatches(Labels):
    """The part of a run's store that takes many labels at once."""

    def locked_items(self, ids: Iterable[str]) -> dict[str, LockedItem]:
        """Those of the items that there are, kept as they are until the transaction around this ends.

        Locked in the order of their ids, so that two who ask for the same wait for each other.
        """
        query = sa.select(*columns_of(ReviewItem, _ITEMS), _ITEMS.c.wanted.label("waits_for"))
        query = query.where(_ITEMS.c.run == self.name).order_by(_ITEMS.c.id).with_for_update()
        found: dict[str, LockedItem] = {}
        with self.database.write() as connection:
            for chunk in chunks(sorted(set(ids))):
                for row in connection.execute(query.where(_ITEMS.c.id.in_(chunk))):
                    values = dict(row._mapping)
                    wanted = values.pop("waits_for") > 0
                    found[row.id] = LockedItem(ReviewItem(**values), wanted)
        return found

    def label_histories(self, item_ids: Iterable[str]) -> dict[str, list[Label]]:
        """Every label on these items, revisions included, by item, oldest first."""
        found: dict[str, list[Label]] = {}
        for chunk in chunks(set(item_ids)):
            query = self._every().where(_LABELS.c.item_id.in_(chunk))
            for label in self._all(Label, query.order_by(_LABELS.c.created_at, _LABELS.c.revision)):
                found.setdefault(label.item_id, []).append(label)
        return found

    def add_labels(self, labels: Sequence[Label]) -> int:
        """Add labels and count them for their items; how many were new.

        Whoever adds has looked, under the items' locks, that no revision number is used twice. Raises `BadUnit` for an
        unknown item, or a key that its reviewer has used for another label.
        """
        standing = self._standing().whereclause
        assert standing is not None
        answers = (
            sa.select(sa.func.count())
            .select_from(_LABELS)
            .where(standing, _LABELS.c.item_id == _ITEMS.c.id, _LABELS.c.source.in_(("queue", "import")))
            .correlate(_ITEMS)
            .scalar_subquery()
        )
        left = sa.case((_ITEMS.c.overlap > answers, _ITEMS.c.overlap - answers), else_=0)
        added = 0
        with self.database.write() as connection:
            for some in chunks(labels):
                added += self._add(connection, _LABELS, [label.model_dump() for label in some])
            for items in chunks(sorted({label.item_id for label in labels if label.lane != "override"})):
                change = sa.update(_ITEMS).where(_ITEMS.c.run == self.name, _ITEMS.c.id.in_(items))
                connection.execute(change.values(wanted=left))
        return added
