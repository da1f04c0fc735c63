"""Reviewers who work a queue at the same time, each in a thread; several processes of them make a crowd.

`python -m tests.review.racing URL RUN LOG SEED NAME…` works until nothing is left for any of the names. Each writes
down what it was told was kept, one JSON line an answer, before it goes on: what is in the log must be in the store,
also of a process that was killed.
"""

import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

import sqlalchemy as sa

from review.errors import NothingToUndo
from review.questions import choice_of
from review.queue import Choice, claim, release, skip, undo, vote
from review.simulated import SIMULATED
from store import tables
from store.records import Label
from store.run import RunStore
from store.store import Store

CHOICES = get_args(Choice)
Say = Callable[[dict[str, Any]], None]


class Aborted(Exception):
    """The reviewer's page, or what served it, went away in the middle of a request."""


class Racer:
    """One reviewer. `chaos` adds what makes answers late: leases that run out, answers that are taken back."""

    def __init__(self, run: RunStore, name: str, seed: int, say: Say, *, chaos: bool, lease_s: float) -> None:
        self.run, self.name, self.say, self.chaos, self.lease_s = run, name, say, chaos, lease_s
        self.chance = random.Random(f"{seed} {name}")

    def work(self, patience_s: float = 60.0) -> None:
        """Until the queue says that nothing is left, in nobody's hands either."""
        until = time.monotonic() + patience_s
        while True:
            if self.chance.random() < 0.05:
                self._abort(lambda: claim(self.run, self.name, lease_s=self.lease_s))
            claimed = claim(self.run, self.name, count=self.chance.randint(1, 3), lease_s=self.lease_s)
            if not claimed.items:
                if not claimed.held_by_others:
                    return
                assert time.monotonic() < until, f"{self.name} waited too long for what others hold"
                time.sleep(0.02)
                continue
            until = time.monotonic() + patience_s
            for question in claimed.items:
                self._answer(question.item_id)

    def _answer(self, item_id: str) -> None:
        what = self.chance.random()
        if what < 0.04:
            skip(self.run, item_id, self.name, "cannot_tell")
        elif what < 0.10:
            release(self.run, self.name, item_id)
        elif what < 0.20 and self.chaos:
            pass  # left lying until the lease runs out
        else:
            self._vote(item_id)
            if self.chaos and self.chance.random() < 0.1:
                self._take_back()

    def _vote(self, item_id: str) -> None:
        choice = self.chance.choice(CHOICES)
        key = f"{item_id} {self.chance.getrandbits(32)}"
        for _ in range(self.chance.choice((0, 0, 1, 2))):
            self._abort(lambda: vote(self.run, item_id, self.name, choice, key=key))
        label = vote(self.run, item_id, self.name, choice, key=key)
        self.say({"label": label.id, "item": item_id, "reviewer": self.name, "choice": choice})
        for _ in range(self.chance.choice((0, 0, 0, 1, 3))):
            again = vote(self.run, item_id, self.name, self.chance.choice(CHOICES), key=key)
            assert again.id == label.id

    def _abort(self, request: Callable[[], object]) -> None:
        try:
            with self.run.database.together():
                request()
                raise Aborted
        except Aborted:
            pass

    def _take_back(self) -> None:
        try:
            question = undo(self.run, self.name, lease_s=self.lease_s)
        except NothingToUndo:
            return
        if self.chance.random() < 0.7:
            self._vote(question.item_id)


def told_of(label: Label) -> dict[str, Any]:
    """What its reviewer is told of an answer."""
    choice = choice_of(label.value, swapped=label.swapped)
    return {"label": label.id, "item": label.item_id, "reviewer": label.reviewer, "choice": choice}


def all_labels(run: RunStore) -> list[Label]:
    """Every label of round 1, revisions and withdrawals included."""
    return [label for item in run.review_items(1) for label in run.label_history(item.id)]


def check(run: RunStore, told: list[dict[str, Any]], reviewers: Sequence[str]) -> list[Label]:
    """What holds whatever happened, once all say that nothing is left: returns the labels.

    Nothing told is lost, nothing doubled or invented, no item over its overlap, none forgotten.
    """
    labels = all_labels(run)
    stored = {label.id: label for label in labels}
    assert len(stored) == len(labels)
    given = {label.id: told_of(label) for label in labels if label.value != "withdrawn"}
    assert {one["label"]: one for one in told} == given
    assert len(told) == len(given)
    keys = [(label.reviewer, label.key) for label in labels if label.value != "withdrawn"]
    assert len(set(keys)) == len(keys)
    standing = list(run.labels(1))
    assert len({(label.item_id, label.reviewer) for label in standing}) == len(standing)
    counted = Counter(label.item_id for label in standing if label.source == "queue")
    items = tables.review_items
    with run.database.read() as connection:
        query = sa.select(items.c.id, items.c.wanted).where(items.c.run == run.name)
        wanted = {row.id: row.wanted for row in connection.execute(query)}
    for item in run.review_items(1):
        assert counted[item.id] <= item.overlap
        assert wanted[item.id] == item.overlap - counted[item.id]
    for name in reviewers:
        assert not run.any_open(name), f"{name} was told that nothing is left"
        own = [label for label in standing if label.reviewer == name]
        assert run.vote_count(name) == len(own) == sum(votes for votes, _ in run.vote_batches(name, 20))
        assert {label.id for label in run.votes(name)} == {label.id for label in own}
    assert sum(lane.labelled for lane in run.lane_status(SIMULATED)) == len(counted)
    return labels


def crowded(run: RunStore) -> list[str]:
    """Items that are in more hands than they wait for answers, all of one moment."""
    items, claims = tables.review_items, tables.claims
    holders = sa.func.count(claims.c.reviewer)
    held = (claims.c.run == items.c.run) & (claims.c.item_id == items.c.id)
    query = (
        sa.select(items.c.id, items.c.wanted, holders)
        .join_from(items, claims, held)
        .where(items.c.run == run.name, claims.c.expires_at > datetime.now(UTC))
        .group_by(items.c.id, items.c.wanted)
        .having(holders > items.c.wanted)
    )
    with run.database.read() as connection:
        return [str(row) for row in connection.execute(query)]


def main(url: str, name: str, log: str, seed: str, *reviewers: str) -> None:
    lock = threading.Lock()
    with Store.open(url) as store, open(log, "a", encoding="utf-8") as file:
        run = store.run(name)

        def say(told: dict[str, Any]) -> None:
            with lock:
                file.write(json.dumps(told) + "\n")
                file.flush()

        failures = work_all([Racer(run, one, int(seed), say, chaos=True, lease_s=1.0) for one in reviewers])
    if failures:
        raise failures[0]


def work_all(racers: list[Racer]) -> list[BaseException]:
    """Let them all work at once, to the end; what went wrong."""
    failures: list[BaseException] = []

    def one(racer: Racer) -> None:
        try:
            racer.work()
        except BaseException as error:  # told to whoever waits; a thread has nobody else to tell
            failures.append(error)

    threads = [threading.Thread(target=one, args=(racer,)) for racer in racers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


if __name__ == "__main__":
    main(*sys.argv[1:])
