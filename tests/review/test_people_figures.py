"""What each reviewer's labels look like, counted by hand."""

from datetime import timedelta

import pytest

from judge.wilson import wilson
from review.estimates.people import PAUSE_S, people
from review.simulated import SIMULATED
from tests.review.labelled import START, Labelled


@pytest.fixture
def made(store):
    return Labelled(store)


def reviewer(made, name="ada"):
    return {one.name: one for one in people(made.run).reviewers}[name]


def test_nobody_labelled(made):
    found = people(made.run)
    assert found.reviewers == ()
    assert found.human.raw.rate is None


def test_left_is_where_the_answer_was_shown(made):
    shown = [("better", False), ("much_worse", True), ("better", True), ("worse", False), ("worse", True)]
    for value, swapped in shown:
        made.say(made.item(0.9), value, swapped=swapped, source="late" if swapped else "queue")
    for value in ("same", "both_bad"):
        made.say(made.item(0.9), value)
    made.say(made.item(0.9), "better", source="import")  # nobody knows where that one stood
    found = reviewer(made)
    assert (found.left.pairs, found.left.rate) == (5, wilson(3 / 5, 5))
    assert (found.labels, found.blind, found.same, found.both_bad) == (8, 8, 1, 1)


def test_pace_leaves_pauses_out(made):
    moment = START
    for step in (0, 20, 30, PAUSE_S + 1, 10):
        moment += timedelta(seconds=step)
        made.say(made.item(0.9), "better", created_at=moment, seconds=step / 2 if step < 60 else None)
    found = reviewer(made)
    assert found.an_hour == pytest.approx(3600 / 20)
    assert found.median_seconds == pytest.approx(7.5)


def test_two_labels_are_no_pace(made):
    for second in (0, 10):
        made.say(made.item(0.9), "better", created_at=START + timedelta(seconds=second))
    assert reviewer(made).an_hour is None


def test_agreement_with_the_judge_is_over_blind_random_labels_that_both_decide(made):
    for p, value in (
        (0.9, "better"),
        (0.8, "worse"),
        (0.1, "worse"),
        (0.5, "better"),
        (0.9, "same"),
        (None, "better"),
    ):
        made.say(made.item(p), value)
    made.say(made.item(0.9), "worse", blind=False)
    made.say(made.item(0.9, lane="targeted", inclusion_probability=1.0), "worse")
    found = reviewer(made)
    assert (found.with_judge.pairs, found.with_judge.rate) == (3, wilson(2 / 3, 3))
    assert (found.labels, found.blind) == (8, 7)


def test_agreement_with_others_counts_pairs_and_its_interval_comparisons(made):
    rows = [
        {"ada": "better", "bob": "better", "cyd": "worse"},
        {"ada": "same", "bob": "both_bad"},
        {"ada": "worse", "cyd": "better"},
        {"bob": "worse", "cyd": "worse"},
    ]
    for row in rows:
        item = made.item(0.9, overlap=3)
        for name, value in row.items():
            made.say(item, value, name)
    ada, bob, cyd = (reviewer(made, name).with_others for name in ("ada", "bob", "cyd"))
    assert (ada.pairs, ada.rate) == (4, wilson(2 / 4, 3))
    assert (bob.pairs, bob.rate) == (4, wilson(3 / 4, 3))
    assert (cyd.pairs, cyd.rate) == (4, wilson(1 / 4, 3))


def test_agreement_with_oneself_is_over_repeats(made):
    for first, again in (("better", "much_better"), ("same", "better"), ("worse", "worse")):
        item = made.item(0.9)
        repeat = made.draw(item.comparison_id, lane="repeat", repeat_of=item.id)
        made.say(item, first)
        made.say(repeat, again, swapped=True)
        made.say(item, "better", "bob")
    alone = made.item(0.9)
    made.say(
        made.draw(alone.comparison_id, lane="repeat", repeat_of=alone.id), "worse"
    )  # its first answer is missing
    found = people(made.run)
    ada, bob = found.reviewers
    assert (ada.within.pairs, ada.within.rate) == (3, wilson(2 / 3, 3))
    assert bob.within.rate is None
    assert found.human.within == ada.within


def test_all_rounds_are_one(made):
    for round in (1, 2, 3):
        made.say(made.item(0.9, round=round), "better")
        made.say(made.item(0.9, round=round, purpose="gate"), "worse")
    found = reviewer(made)
    assert (found.labels, found.with_judge.pairs) == (6, 6)


def test_the_simulated_reviewer_is_named_and_has_no_pace(made):
    for _ in range(5):
        made.say(made.item(0.9), "better", SIMULATED)
    found = reviewer(made, SIMULATED)
    assert (found.simulated, found.an_hour) == (True, None)


def test_skips_are_counted_until_they_are_taken_back(made):
    items = [made.item(0.9) for _ in range(2)]
    for item in items:
        made.run.skip(item.id, "dee", "", cause="other")
    assert (reviewer(made, "dee").skipped, reviewer(made, "dee").labels) == (2, 0)
    made.run.undo_skip(items[0].id, "dee")
    assert reviewer(made, "dee").skipped == 1
