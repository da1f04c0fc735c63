"""Leases: nobody does what another is doing, what is abandoned comes back, and nobody is left without a reason."""

import pytest
import sqlalchemy as sa

from review.draw import Design, draw
from review.queue import COUNTED, claim, release, skip, undo, vote
from store import tables
from store.records import StageMarker
from store.store import Store


@pytest.fixture
def store(url):
    with Store.open(url) as opened:
        yield opened


@pytest.fixture
def asked(make_judged, fill):
    """`asked(n, …)`: a run with a queue of `n` items in one round."""

    def make(n, round=1, n_targeted=0, **design):
        judged = make_judged([0.1 + 0.8 * i / n for i in range(n)])
        run = fill(judged)
        run.add_review_items(draw(judged, n - n_targeted, n_targeted, 11, round, "gate", Design(**design)))
        return run

    return make


def _ids(claimed):
    return [question.item_id for question in claimed.items]


def _lanes(run):
    return {item.id: item.lane for item in run.review_items(1)}


def test_nobody_gets_what_another_holds(asked):
    run = asked(6)
    held = [item_id for name in ("ada", "bob", "cem") for item_id in _ids(claim(run, name, count=2))]
    assert sorted(held) == sorted(_lanes(run))


def test_whoever_asks_again_gets_what_they_hold_on_a_new_lease(asked):
    run = asked(6)
    first = claim(run, "ada", lease_s=60)
    again = claim(run, "ada", count=2, lease_s=600)
    assert _ids(again)[0] == _ids(first)[0]
    assert len(set(_ids(again))) == 2
    assert again.items[0].expires_at > first.items[0].expires_at
    assert _ids(claim(run, "ada")) == _ids(first)


def test_an_empty_queue_tells_done_from_held_by_others(asked):
    run = asked(3)
    (first,) = _ids(claim(run, "ada"))
    claim(run, "bob", count=2)
    waiting = claim(run, "cem")
    assert (waiting.items, waiting.open, waiting.held_by_others) == ((), 0, 3)
    vote(run, first, "ada", "same")
    assert claim(run, "cem").held_by_others == 2
    for item_id in _ids(claim(run, "bob", count=2)):
        vote(run, item_id, "bob", "same")
    done = claim(run, "cem")
    assert (done.items, done.open, done.held_by_others) == ((), 0, 0)


def test_what_is_left_is_counted_without_what_one_holds(asked):
    run = asked(8)
    claim(run, "bob", count=3)
    mine = claim(run, "ada", count=2)
    assert (mine.open, mine.held_by_others) == (3, 3)


def test_an_abandoned_item_comes_back_and_so_does_a_released_one(asked):
    run = asked(1)
    (item_id,) = _ids(claim(run, "ada", lease_s=0))
    assert _ids(claim(run, "bob")) == [item_id]
    assert claim(run, "ada").items == ()
    assert release(run, "bob", item_id)
    assert not release(run, "bob", item_id)
    assert _ids(claim(run, "ada")) == [item_id]


def test_with_overlap_as_many_hold_an_item_as_it_asks_for_and_nobody_twice(asked):
    run = asked(1, overlap=2)
    (item_id,) = _ids(claim(run, "ada"))
    assert _ids(claim(run, "bob")) == [item_id]
    assert claim(run, "cem").held_by_others == 1
    vote(run, item_id, "ada", "same")
    assert claim(run, "ada").items == claim(run, "cem").items == ()
    release(run, "bob", item_id)
    assert _ids(claim(run, "cem")) == [item_id]
    vote(run, item_id, "cem", "same")
    assert claim(run, "bob") == claim(run, "ada")
    assert not list(run.open_items())


def test_a_skipped_item_still_asks_for_all_its_answers_and_not_of_who_skipped_it(asked):
    run = asked(1)
    (item_id,) = _ids(claim(run, "ada"))
    skip(run, item_id, "ada", "not_my_field")
    done = claim(run, "ada")
    assert (done.items, done.held_by_others) == ((), 0)
    assert _ids(claim(run, "bob")) == [item_id]


def test_the_round_the_run_is_at_comes_first_and_then_the_oldest(asked, make_judged):
    run = asked(4)
    (comparison, _), *rest = make_judged([0.5] * 4)
    for round, (comparison, _) in enumerate(rest, start=2):
        item = next(iter(run.review_items(1))).model_copy(
            update={"round": round, "comparison_id": comparison.id, "id": f"itm_of_round_{round}"}
        )
        run.add_review_items([item])
    for round in (1, 2):
        run.mark(StageMarker(round=round, stage="gate", seconds=0.0))
    order = []
    while claimed := claim(run, "ada").items:
        order.append(claimed[0].item_id)
        vote(run, claimed[0].item_id, "ada", "same")
    rounds = [int(one[-1]) if one.startswith("itm_of") else 1 for one in order]
    assert rounds == [3, 1, 1, 1, 1, 2, 4]


def test_an_item_that_was_passed_over_is_found_again_behind_the_last_answer(asked):
    run = asked(5)
    run.mark(StageMarker(round=1, stage="gate", seconds=0.0))
    (first,) = _ids(claim(run, "bob"))
    for _ in range(2):
        vote(run, _ids(claim(run, "ada"))[0], "ada", "same")
    release(run, "bob", first)
    seen = []
    while claimed := _ids(claim(run, "ada")):
        vote(run, claimed[0], "ada", "same")
        seen += claimed
    assert seen[-1] == first


def test_the_two_lanes_come_mixed(asked):
    run = asked(40, n_targeted=20)
    lanes = _lanes(run)
    first = [lanes[item_id] for item_id in _ids(claim(run, "ada", count=20))]
    assert 4 <= first.count("targeted") <= 16


def test_what_was_shown_to_somebody_is_not_asked_of_them(asked):
    run = asked(2)
    shown, other = run.review_items(1)
    run.add_reveals([shown.comparison_id], "lea", "lead")
    assert _ids(claim(run, "lea", count=2)) == [other.id]
    assert len(claim(run, "bob", count=2).items) == 1


def test_a_repeat_comes_some_answers_later_to_the_same_reviewer_with_the_sides_exchanged(asked):
    run = asked(80, repeats=0.1)
    repeats = {item.id: item for item in run.review_items(1, lane="repeat")}
    assert len(repeats) == 8
    shown, gaps = {}, []
    for number in range(85):
        (question,) = claim(run, "ada").items
        if question.item_id in repeats:
            before, when = shown[repeats[question.item_id].repeat_of]
            assert (question.left, question.right) == (before.right, before.left)
            gaps.append(number - when)
        shown[question.item_id] = question, number
        vote(run, question.item_id, "ada", "left_better")
    assert len(gaps) >= 5
    assert min(gaps) > 10
    assert len(set(gaps)) > 2
    assert not set(_ids(claim(run, "bob", count=9))) & set(repeats)


def test_what_waits_for_a_repeat_after_the_queue_is_done_comes_an_hour_later(asked, store):
    run = asked(1, repeats=1.0)
    (item_id,) = _ids(claim(run, "ada"))
    vote(run, item_id, "ada", "left_better")
    assert claim(run, "ada").items == ()
    labels = tables.labels
    with store.database.write() as connection:
        then = run.label_history(item_id)[0].created_at.replace(year=2020)
        connection.execute(sa.update(labels).values(created_at=then))
    (repeat,) = claim(run, "ada").items
    assert run.review_item(repeat.item_id).repeat_of == item_id
    again = vote(run, repeat.item_id, "ada", "right_better")
    assert again.value == run.label_history(item_id)[0].value
    assert not list(run.open_items())


def test_undo_gives_the_item_back_into_the_same_hands(asked):
    run = asked(2)
    (item_id,) = _ids(claim(run, "ada"))
    vote(run, item_id, "ada", "same")
    assert undo(run, "ada").item_id == item_id
    assert item_id not in _ids(claim(run, "bob", count=2))
    assert _ids(claim(run, "ada")) == [item_id]


def test_what_is_open_is_counted_up_to_a_bound_and_from_wherever_one_is(asked):
    run = asked(COUNTED + 8)
    assert claim(run, "ada").open == COUNTED
    for item_id in _ids(claim(run, "bob", count=20)):
        vote(run, item_id, "bob", "same")
    assert run.open_count("bob") == (COUNTED - 12, 1)
    assert claim(run, "bob", count=4).open == COUNTED - 12 - 1 - 4
