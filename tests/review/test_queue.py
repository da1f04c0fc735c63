"""The queue: blind, sides shuffled and undone, votes immutable, and a status that adds up."""

import dataclasses

import pytest

from review.draw import draw
from review.errors import ReviewError, UnknownItem
from review.queue import Question, claim, is_swapped, question, skip, status, vote
from review.simulated import SIMULATED, SimulatedReviewer
from store.records import StageMarker


def next_question(run, reviewer):
    return next(iter(claim(run, reviewer).items), None)


@pytest.fixture
def judged(make_judged):
    return make_judged(
        [0.1 + 0.02 * i for i in range(40)], [(f"FIRST {i}", f"SECOND {i}") for i in range(40)]
    )


@pytest.fixture
def run(judged, fill):
    run = fill(judged)
    run.add_review_items(draw(judged, 30, 4, 11, 1, "gate"))
    return run


def test_a_question_holds_the_prompt_and_two_answers_and_nothing_else(run):
    fields = [field.name for field in dataclasses.fields(Question)]
    assert fields == ["item_id", "prompt", "left", "right", "principles", "expires_at"]
    asked = next_question(run, "ada")
    assert {asked.left.split()[0], asked.right.split()[0]} == {"FIRST", "SECOND"}


def test_sides_are_shuffled_by_item_and_by_reviewer_and_stay_as_they_are(run):
    items = list(run.review_items(1))
    ada, bob = ([is_swapped(item, name) for item in items] for name in ("ada", "bob"))
    assert ada != bob
    assert 8 < sum(ada) < 26
    assert question(run, items[0].id, "ada") == question(run, items[0].id, "ada")


@pytest.mark.parametrize(
    ("left_choice", "right_choice", "value"),
    [
        ("left_better", "right_better", "better"),
        ("left_much_better", "right_much_better", "much_better"),
        ("right_better", "left_better", "worse"),
        ("same", "same", "same"),
        ("both_bad", "both_bad", "both_bad"),
    ],
)
def test_a_vote_is_about_the_first_sample_wherever_it_stood(run, left_choice, right_choice, value):
    seen = set()
    for item in run.review_items(1):
        asked = question(run, item.id, "ada")
        first_is_left = asked.left.startswith("FIRST")
        label = vote(run, item.id, "ada", left_choice if first_is_left else right_choice)
        assert (label.value, label.swapped) == (value, not first_is_left)
        assert (label.lane, label.inclusion_probability) == (item.lane, item.inclusion_probability)
        seen.add(first_is_left)
    assert seen == {True, False}


def test_another_answer_is_a_revision_and_the_same_one_changes_nothing(run):
    item = next(run.review_items(1))
    first = vote(run, item.id, "ada", "same")
    assert vote(run, item.id, "ada", "same") == first
    second = vote(run, item.id, "ada", "both_bad")
    assert (first.revision, second.revision) == (0, 1)
    assert [label.value for label in run.label_history(item.id)] == ["same", "both_bad"]
    assert [label.value for label in run.labels(1)] == ["both_bad"]


def test_an_answered_item_is_not_asked_again_and_a_skipped_one_only_of_others(run):
    first = next_question(run, "ada")
    vote(run, first.item_id, "ada", "same")
    second = next_question(run, "ada")
    assert second.item_id != first.item_id
    skip(run, second.item_id, "ada", "cannot_tell")
    assert next_question(run, "ada").item_id not in {first.item_id, second.item_id}
    assert next_question(run, "bob").item_id == second.item_id


def test_the_queue_ends(run):
    while asked := next_question(run, "ada"):
        vote(run, asked.item_id, "ada", "left_better")
    assert len(list(run.labels(1))) == 34


def test_status_adds_up_and_names_simulated_labels(run):
    run.mark(StageMarker(round=0, stage="run", seconds=0.0))
    items = list(run.review_items(1, "gate", "random"))
    vote(run, items[0].id, "ada", "same")
    skip(run, items[1].id, "ada")
    SimulatedReviewer(lambda _prompt, answer: len(answer), 0.0, 1).answer(run, items[2:5])
    random_lane, targeted_lane = status(run)
    assert (random_lane.lane, random_lane.drawn, random_lane.labelled, random_lane.simulated) == (
        "random",
        30,
        4,
        3,
    )
    assert (random_lane.skipped, random_lane.open) == (1, 25)
    assert (targeted_lane.lane, targeted_lane.drawn, targeted_lane.open) == ("targeted", 4, 4)


def test_nothing_drawn_means_no_status(run_store):
    assert list(status(run_store)) == []


def test_what_is_not_in_the_queue_is_refused(run):
    with pytest.raises(UnknownItem, match="itm_nowhere"):
        vote(run, "itm_nowhere", "ada", "same")
    with pytest.raises(ReviewError, match="not an answer"):
        vote(run, next(run.review_items(1)).id, "ada", "left")


@pytest.mark.parametrize("name", ["", "  ", SIMULATED])
def test_nobody_votes_without_a_name_or_as_the_simulated_reviewer(run, name):
    with pytest.raises(ReviewError, match="reviewer's name"):
        vote(run, next(run.review_items(1)).id, name, "same")
