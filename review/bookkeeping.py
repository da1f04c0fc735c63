"""Keeping the figures of the pages up to date, beside the run and not in anybody's request.

A run is looked through a unit (round and purpose) at a time: new verdicts are catalogued, their counts are made by the
database and kept. What a finished stage wrote is counted once and never again; what labels can change is made again
where labels came. So the work goes with what is new, and a page reads what is kept, with the time it was made.

A refresh reads the markers before it catalogues: a stage that is complete then has all its verdicts stored, so the
count that follows is whole. Two processes may keep one run's books; both come to the same figures.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from judge.cost import spent_by
from judge.ranks.standing import standing_labels
from prompts.hashing import content_hash
from review.estimates.audit import audit
from review.estimates.people import people
from review.pictures import pictures
from review.rounds import rounds_of
from review.stopping import why_stopped
from store import tables
from store.catalogue import Catalogue, Span
from store.cataloguing import Unit
from store.corrections import Corrections
from store.effects import Effects
from store.figures import Figures
from store.judge_usage import VerdictUsage
from store.people_tables import accounts
from store.review_items import WANTED
from store.run import RunStore

STAGE_OF = {"train": "judge", "gate": "gate", "canary": "canaries", "league": "league"}
"""The stage whose marker says that no verdict of a purpose comes any more."""

STEP = 5
"""Labels that must have come before they are held against the judge again, while more are waited for.

A figure that followed every label would tell whoever gave the last one what the judge had said.
"""

_SHARE = 0.02
"""Of many labels, so many must be new: what is worked out of all of them costs as much however few have come."""

_ALL = 0, ""


def refresh(store: RunStore) -> str:
    """Bring every figure of the run up to date; what is returned changes whenever one of them did."""
    books = _Books(store)
    books.count()
    books.ask_people()
    books.overview()
    books.queue()
    books.draw()
    return content_hash(repr(sorted(Figures(store.database, store.name).versions().items())))


class _Books:
    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.figures = Figures(store.database, store.name)
        self.catalogue = Catalogue(store.database, store.name)
        self.versions = self.figures.versions()
        self.done = {(marker.round, marker.stage) for marker in store.markers()}

    def count(self) -> None:
        """Catalogue and count the verdicts of every unit that is not final."""
        for unit in self.catalogue.units():
            version, final = self.versions.get((*unit, "verdicts"), ("", False))
            if final:
                continue
            complete = (unit.round, STAGE_OF[unit.purpose]) in self.done
            if not self.catalogue.fill(unit) and version and not complete:
                continue
            since = (
                Span(*self.figures.kept("verdicts")[(*unit, "verdicts")].value["span"]).first
                if version
                else None
            )
            span = self.catalogue.span(unit, since)
            if span is not None:
                counts = self.catalogue.count(unit, span)
                made = content_hash(repr(counts))[:16]
                self.figures.keep((*unit, "verdicts"), made, counts, final=complete)

    def ask_people(self) -> None:
        """What labels say of the judge, for the units that have other labels than last time."""
        spans, answers = self.catalogue.spans(), self._answers()
        for unit, (count, waits) in answers.items():
            if unit not in spans or not self._due((*unit, "labels"), count, waits=waits):
                continue
            self._settle(unit, spans[unit])
            if unit.purpose == "train" or unit.purpose == "gate":
                report = audit(self.store, unit.round, unit.purpose)
                self.figures.keep((*unit, "audit"), str(count), report.model_dump(mode="json"))
            counts = self.catalogue.count_people(unit, spans[unit])
            self.figures.keep((*unit, "labels"), str(count), counts)
        count, waits = sum(n for n, _ in answers.values()), any(waits for _, waits in answers.values())
        if answers and self._due((*_ALL, "people"), count, waits=waits):
            self.figures.keep((*_ALL, "people"), str(count), people(self.store).model_dump(mode="json"))

    def overview(self) -> None:
        """The run's state and rounds, from its markers, metrics and decisions."""
        store, run = self.store, self.store.record
        played = sum(stage == "gate" for _, stage in self.done)
        wanted = run.config.get("rounds", played)
        patience = run.config.get("gate", {}).get("patience", wanted + 1)
        decisions = store.decisions()
        rounds = rounds_of(store, self._usage())
        made = {
            "rounds": [round.model_dump(mode="json") for round in rounds],
            "decisions": [decision.model_dump(mode="json") for decision in decisions],
            "stopped": why_stopped(decisions, played, wanted, patience),
            "played": played,
            "wanted": wanted,
            "policy": store.current_policy() if store.checkpoints() else None,
            "simulated": run.config.get("reviewer", {}).get("kind") == "simulated",
            "spent": spent_by(store).model_dump(mode="json"),
        }
        self._keep_if_new((*_ALL, "overview"), made)

    def queue(self) -> None:
        """What waits for people, by round, purpose and lane; and what their labels did, by round, stage and effect."""
        self._keep_if_new((*_ALL, "queue"), _queue(self.store))
        self._keep_if_new((*_ALL, "overrides"), Corrections(self.store.database, self.store.name).count())
        ledger = Effects(self.store.database, self.store.name).effect_counts()
        self._keep_if_new((*_ALL, "ledger"), [[*key, count] for key, count in ledger.items()])

    def draw(self) -> None:
        """The pictures of the figures that changed."""
        kept = self.figures.kept()
        for name, version, svg in pictures(kept, self.versions):
            self.figures.keep((*_ALL, f"picture/{name}"), version, svg or "")

    def _due(self, key: tuple[int, str, str], count: int, *, waits: bool) -> bool:
        """Whether labels are to be held against the judge again, now that there are `count`; see `STEP`."""
        kept = self.versions.get(key)
        new = count - int(kept[0]) if kept else count
        if new == 0:
            return kept is None
        return not waits or new >= max(STEP, count * _SHARE)

    def _stands(self, key: tuple[int, str, str], version: str) -> bool:
        return self.versions.get(key, ("", False))[0] == version

    def _keep_if_new(self, key: tuple[int, str, str], made: Any) -> None:
        version = content_hash(repr(made))[:16]
        if not self._stands(key, version):
            self.figures.keep(key, version, made)

    def _answers(self) -> dict[Unit, tuple[int, bool]]:
        """How many labels each drawn unit has, and whether it waits for more: labels are only ever added."""
        labels, items = tables.labels, tables.review_items
        own = (labels.c.run == items.c.run) & (labels.c.item_id == items.c.id)
        drawn = (items.c.round, items.c.purpose)
        counts = sa.select(*drawn, sa.func.count(labels.c.id)).join_from(items, labels, own, isouter=True)
        counts = counts.where(items.c.run == self.store.name).group_by(*drawn)
        waiting = sa.select(*drawn).where(items.c.run == self.store.name, WANTED).distinct()
        with self.store.database.read() as connection:
            waits = {tuple(row) for row in connection.execute(waiting)}
            return {
                Unit(row[0], row[1]): (int(row[2]), (row[0], row[1]) in waits)
                for row in connection.execute(counts)
            }

    def _settle(self, unit: Unit, span: Span) -> None:
        """Write beside each verdict whether the labels that stand agree with it."""
        standing = standing_labels(self.store.labels(unit.round, unit.purpose))
        before = self.catalogue.settled(unit, span)
        now: dict[str, int] = {}
        for comparison_id, verdict_id, p_first in self.catalogue.scores_of(standing):
            said = standing[comparison_id]
            if p_first is None or p_first == 0.5 or not said.decided:
                now[verdict_id] = 0
            else:
                now[verdict_id] = 1 if (p_first > 0.5) == (said.p_first > 0.5) else -1
        gone: Iterable[tuple[str, int | None]] = ((id, None) for id in before if id not in now)
        changed = ((id, value) for id, value in now.items() if before.get(id, ("", None))[1] != value)
        self.catalogue.set_people([*gone, *changed])

    def _usage(self) -> Mapping[int, VerdictUsage]:
        """What the verdicts of each round took, from the counts of its units."""
        sums: dict[int, list[dict[str, Any]]] = {}
        for unit, counts in self.catalogue.counted().items():
            if counts["called"]:
                sums.setdefault(unit.round, []).append(counts)
        return {
            round: VerdictUsage(
                sum(counts["calls"] for counts in some),
                sum(counts["input_tokens"] for counts in some),
                sum(counts["output_tokens"] for counts in some),
                None
                if any(counts["unpriced"] for counts in some)
                else sum(counts["cost_usd"] for counts in some),
            )
            for round, some in sums.items()
        }


def _queue(store: RunStore) -> list[dict[str, Any]]:
    """Lanes with what was drawn, what is still wanted, how many people are asked, and how much they hold now.

    What leads hold is left out: one who answers too would see by their own claim which lane its item is in.
    """
    items, claims, labels = tables.review_items, tables.claims, tables.labels
    lane = (items.c.round, items.c.purpose, items.c.lane)
    mine = items.c.run == store.name
    drawn = sa.select(
        *lane,
        sa.func.count().label("items"),
        sa.func.sum(sa.case((items.c.wanted > 0, 1), else_=0)).label("open"),
        sa.func.sum(items.c.wanted).label("wanted"),
        sa.func.max(items.c.overlap).label("overlap"),
    )
    held = sa.select(*lane, sa.func.count().label("held"))
    held = held.join_from(items, claims, (claims.c.run == items.c.run) & (claims.c.item_id == items.c.id))
    leads = sa.select(accounts.c.name).where(accounts.c.role != "reviewer")
    held = held.where(mine, claims.c.expires_at > datetime.now(UTC), claims.c.reviewer.not_in(leads))
    held = held.group_by(*lane)
    last = sa.select(*lane, sa.func.max(labels.c.created_at).label("last"))
    last = last.join_from(items, labels, (labels.c.run == items.c.run) & (labels.c.item_id == items.c.id))
    last = last.where(mine).group_by(*lane)
    with store.database.read() as connection:
        rows = connection.execute(
            drawn.where(mine, items.c.lane != "override").group_by(*lane).order_by(*lane)
        ).all()
        holding = {tuple(row[:3]): int(row.held) for row in connection.execute(held)}
        answered = {tuple(row[:3]): row.last for row in connection.execute(last)}
    return [
        {
            "round": row.round,
            "purpose": row.purpose,
            "lane": row.lane,
            "items": int(row.items),
            "open": int(row.open),
            "wanted": int(row.wanted),
            "overlap": int(row.overlap),
            "held": holding.get(tuple(row[:3]), 0),
            "last": when.isoformat() if (when := answered.get(tuple(row[:3]))) else None,
        }
        for row in rows
    ]
