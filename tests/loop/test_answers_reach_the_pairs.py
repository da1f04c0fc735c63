"""What people answer in the queue, correct, or bring in a file reaches the next training set; the ledger says so."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from review.draw import draw
from review.exchange.formats import FORMATS
from review.exchange.gather import leaving
from review.exchange.take_in import Reviewers, take_in
from review.overrides import override
from review.queue import claim, vote
from tests.loop.test_late_labels import World, make_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A judged round whose whole judgement is drawn; of every two answers the judge prefers the worse."""
    for world in make_world(tmp_path, {}):
        world.judged(1)
        store = world.context.store
        judged = list(store.judged(1, "train"))
        store.add_review_items(draw(judged, len(judged), 0, 3, 1, "train"))
        yield world


def test_votes_overrides_and_files_change_the_pairs_and_the_ledger_says_which(world: World) -> None:
    store = world.context.store
    first, second, third = claim(store, "ada", count=3).items
    against = vote(store, first.item_id, "ada", "left_better" if "better" in first.left else "right_better")
    neither = vote(store, second.item_id, "ada", "both_bad")
    alike = vote(store, third.item_id, "ada", "left_better" if "worse" in third.left else "right_better")
    comparisons = {one.id: one for one in world.comparisons.values()}
    seen = {store.review_item(one.item_id).comparison_id for one in (first, second, third)}
    free = sorted(set(comparisons) - seen)
    corrected = override(store, free[0], "lea", "worse", "the second is right")

    rows = list(csv.reader(io.StringIO("".join(leaving(store, FORMATS["csv"], "tasks").chunks), newline="")))
    place = {name: number for number, name in enumerate(rows[0])}
    for row in rows[1:]:
        row[place["choice"]] = "left_better" if "better" in row[place["left"]] else "right_better"
    sheet = io.StringIO(newline="")
    csv.writer(sheet).writerows(rows)
    taken = take_in(store, FORMATS["csv"], io.BytesIO(sheet.getvalue().encode()), Reviewers("ben"))
    assert taken.added == taken.counted == 5

    world.pair(1)
    entries = list(store.effects(round=1, stage="pair"))
    told = {one.label_id: (one.effect, one.why) for one in entries}
    assert told[against.id] == ("flipped", "before_pairing")
    assert told[neither.id] == ("dropped", "label_undecided")
    assert told[alike.id] == ("confirmed", "before_pairing")
    assert told[corrected.id] == ("flipped", "before_pairing")
    assert Counter(told.values()) == {
        ("flipped", "before_pairing"): 1 + 1 + 4,  # of the file four: on the fifth the override stands alone
        ("nothing", "overruled"): 1,
        ("dropped", "label_undecided"): 1,
        ("confirmed", "before_pairing"): 1,
    }
    texts = [row["chosen"][0]["content"] for row in map(json.loads, world.file(1).splitlines())]
    assert len(texts) == 7
    assert sum("better" in text for text in texts) == 6


def test_a_preference_from_a_file_that_comes_late_flips_the_pair_in_the_next_round(world: World) -> None:
    store = world.context.store
    world.pair(1)
    world.judged(2)
    comparison = world.comparisons[1, 4]
    line = {
        "prompt": comparison.prompt.messages[0].content,
        "chosen": comparison.second.text,
        "rejected": comparison.first.text,
    }
    assert take_in(store, FORMATS["trl"], io.BytesIO(json.dumps(line).encode()), Reviewers("ben")).added == 1
    world.pair(2)
    (entry,) = store.effects(stage="pair", reviewer="ben")
    assert (entry.round, entry.effect, entry.why) == (2, "flipped", "late")
    assert comparison.second.text in world.rows(2)
