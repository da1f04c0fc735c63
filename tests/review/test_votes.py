"""Votes: kept once, never changed, blind or not, and what becomes of one that comes late."""

import pytest
import sqlalchemy as sa

from prompts.hashing import content_hash
from review.blinding import is_withheld
from review.draw import Design, draw
from review.errors import KeyTaken, NothingToUndo, ReviewError, UnknownItem
from review.overrides import override
from review.queue import claim, is_swapped, question, release, skip, undo, vote
from review.reveals import reveal
from store import tables
from store.records import Comparison, Run

PRINCIPLES = """name: two
version: "1"
principles:
  - {id: helpful, axis: helpful, text: Be right and plain.}
  - {id: harmless, axis: harmless, text: Refuse harm.}
"""


@pytest.fixture
def run(make_judged, store):
    """A run that keeps its constitution, with six items of which every one asks two reviewers."""
    config = {"spot_check": {"reveal_batch": 2}}
    run = store.create_run(Run(name="votes", seed=0, config_hash="h", config=config))
    judged = []
    for comparison, verdict in make_judged([0.2, 0.3, 0.4, 0.6, 0.7, 0.8]):
        under = Comparison(**{**comparison.model_dump(exclude={"id"}), "constitution": _save(run)})
        judged.append((under, verdict.model_copy(update={"comparison_id": under.id})))
    run.add_prompts(comparison.prompt for comparison, _ in judged)
    run.add_samples(s for comparison, _ in judged for s in (comparison.first, comparison.second))
    run.add_comparisons(comparison for comparison, _ in judged)
    run.add_verdicts(verdict for _, verdict in judged)
    run.add_review_items(draw(judged, 6, 0, 3, 1, "gate", Design(overlap=2)))
    return run


def _save(run):
    run.save_texts({content_hash(PRINCIPLES): PRINCIPLES})
    return content_hash(PRINCIPLES)


def _items(run):
    return list(run.review_items(1))


def _wanted(run, item_id):
    with run.database.read() as connection:
        query = sa.select(tables.review_items.c.wanted).where(tables.review_items.c.id == item_id)
        return connection.scalar(query)


def test_a_question_names_the_principles_the_judge_was_given(run):
    (question,) = claim(run, "ada").items
    assert question.principles == (("helpful", "Be right and plain."), ("harmless", "Refuse harm."))


def test_all_that_a_vote_says_is_kept_and_marks_are_about_samples(run):
    for item in _items(run):
        label = vote(
            run, item.id, "ada", "left_better", marks={"helpful": "left", "harmless": "same"}, reason="why",
            flagged=True, seconds=4.5, key=f"k-{item.id}",
        )  # fmt: skip
        left = "second" if is_swapped(item, "ada") else "first"
        assert label.marks == {"helpful": left, "harmless": "same"}
        assert run.label(label.id) == label
        assert (label.reason, label.flagged, label.seconds, label.source) == ("why", True, 4.5, "queue")
    assert {is_swapped(item, "ada") for item in _items(run)} == {True, False}


def test_marks_under_unknown_principles_and_of_no_side_are_refused(run):
    item = _items(run)[0]
    with pytest.raises(ReviewError, match=r"'kind' is no principle .* harmless, helpful"):
        vote(run, item.id, "ada", "same", marks={"kind": "left"})
    with pytest.raises(ReviewError, match="'first' is not a mark"):
        vote(run, item.id, "ada", "same", marks={"helpful": "first"})
    assert not run.label_history(item.id)


def test_an_answer_sent_twice_is_one_whatever_came_between(run):
    item, other = _items(run)[:2]
    sent = vote(run, item.id, "ada", "left_better", key="k1")
    changed = vote(run, item.id, "ada", "same", key="k2")
    assert vote(run, item.id, "ada", "left_better", key="k1") == sent
    assert vote(run, item.id, "bob", "left_better", key="k1").reviewer == "bob"
    undo(run, "ada", item.id)
    assert vote(run, item.id, "ada", "same", key="k2") == changed
    assert [label.value for label in run.label_history(item.id) if label.reviewer == "ada"][-1] == "withdrawn"
    with pytest.raises(KeyTaken, match="names your answer on item"):
        vote(run, other.id, "ada", "same", key="k1")


def test_the_same_answer_with_another_reason_is_a_revision(run):
    item = _items(run)[0]
    first = vote(run, item.id, "ada", "same")
    assert vote(run, item.id, "ada", "same", seconds=9.0) == first
    second = vote(run, item.id, "ada", "same", reason="both say Monday")
    assert (second.revision, second.reason) == (1, "both say Monday")
    assert _wanted(run, item.id) == 1


def test_undo_appends_and_the_item_asks_again(run):
    item = _items(run)[0]
    vote(run, item.id, "ada", "left_better")
    assert _wanted(run, item.id) == 1
    assert undo(run, "ada").item_id == item.id
    assert [label.value for label in run.label_history(item.id)][1:] == ["withdrawn"]
    assert _wanted(run, item.id) == 2
    assert not list(run.labels(1))
    assert not list(run.labels(1, blind=True))
    again = vote(run, item.id, "ada", "right_better")
    assert (again.revision, again.source, _wanted(run, item.id)) == (2, "queue", 1)


def test_undo_goes_back_one_answer_at_a_time_skips_included(run):
    first, second, third = _items(run)[:3]
    vote(run, first.id, "ada", "same")
    skip(run, second.id, "ada", "too_long")
    vote(run, third.id, "ada", "same")
    assert [undo(run, "ada").item_id for _ in range(3)] == [third.id, second.id, first.id]
    with pytest.raises(NothingToUndo, match="no answer in run 'votes'"):
        undo(run, "ada")
    with pytest.raises(NothingToUndo, match="on item"):
        undo(run, "bob", first.id)


def test_a_skip_sent_again_after_it_was_undone_changes_nothing(run):
    item = _items(run)[0]
    skip(run, item.id, "ada", "broken", key="s1")
    undo(run, "ada")
    skip(run, item.id, "ada", "broken", key="s1")
    assert item.id in {one.id for one in run.open_items("ada")}
    skip(run, item.id, "ada", "language", key="s2")
    assert item.id not in {one.id for one in run.open_items("ada")}
    with pytest.raises(ReviewError, match="'because' is not a cause; the causes are cannot_tell"):
        skip(run, item.id, "ada", "because")
    with pytest.raises(UnknownItem):
        skip(run, "itm_nowhere", "ada")


def test_who_votes_after_all_on_what_they_skipped_has_answered_it(run):
    item = _items(run)[0]
    skip(run, item.id, "ada")
    vote(run, item.id, "ada", "same")
    assert undo(run, "ada").item_id == item.id
    assert item.id in {one.id for one in run.open_items("ada")}


def test_a_vote_without_a_lease_counts_while_its_item_waits_for_answers(run):
    item = _items(run)[0]
    for name in ("bob", "cem"):
        assert vote(run, item.id, name, "same").source == "queue"
    assert _wanted(run, item.id) == 0


def test_a_vote_that_comes_when_others_have_answered_is_kept_as_late(run):
    (question,) = claim(run, "ada", lease_s=0).items
    for name in ("bob", "cem"):
        vote(run, question.item_id, name, "left_better")
    late = vote(run, question.item_id, "ada", "right_better")
    assert late.source == "late"
    assert late in list(run.labels(1, blind=True))
    revised = vote(run, question.item_id, "ada", "same")
    assert revised.source == "late"
    undo(run, "bob", question.item_id)
    assert _wanted(run, question.item_id) == 1
    undo(run, "ada", question.item_id)
    assert _wanted(run, question.item_id) == 1
    assert vote(run, question.item_id, "ada", "same").source == "queue"
    assert _wanted(run, question.item_id) == 0


def test_what_is_said_after_the_reveal_is_not_blind_and_what_was_said_before_stays_in_the_estimate(run):
    blind = [vote(run, item.id, "ada", "left_better") for item in _items(run)[:2]]
    reveal(run, "ada", 1)
    after = vote(run, blind[0].item_id, "ada", "right_better")
    assert (blind[0].blind, after.blind) == (True, False)
    assert {label.id for label in run.labels(1, blind=True)} == {label.id for label in blind}
    assert {label.id for label in run.labels(1)} == {after.id, blind[1].id}
    with pytest.raises(NothingToUndo, match="was shown to 'ada'"):
        undo(run, "ada", blind[1].item_id)
    assert vote(run, blind[1].item_id, "bob", "same").blind


def test_at_once_the_next_opinion_on_the_same_item_is_not_blind(run):
    item = _items(run)[0]
    first = vote(run, item.id, "ada", "same", reveal="at_once")
    assert (first.blind, first.reveal) == (True, "at_once")
    assert run.revealed("ada", [item.comparison_id]) == {item.comparison_id}
    assert not vote(run, item.id, "ada", "left_better", reveal="at_once").blind


def test_who_was_never_given_an_item_is_not_blind_to_it_when_others_have_answered(run):
    given, other = _items(run)[:2]
    run.lease_item(given.id, "lea", 0.0)
    for item in (given, other):
        for name in ("ada", "bob"):
            vote(run, item.id, name, "same")
    assert is_withheld(run, "lea", given.comparison_id)
    assert not is_withheld(run, "lea", other.comparison_id)
    late = [vote(run, item.id, "lea", "left_better") for item in (given, other)]
    assert [(label.source, label.blind) for label in late] == [("late", True), ("late", False)]


def test_what_was_given_back_unanswered_may_be_looked_up_and_is_not_blind_afterwards(run):
    (question,) = claim(run, "lea").items
    release(run, "lea", question.item_id)
    for name in ("ada", "bob"):
        vote(run, question.item_id, name, "same")
    assert not vote(run, question.item_id, "lea", "left_better").blind


def test_nobody_makes_an_override_by_voting(run):
    label = override(run, _items(run)[0].comparison_id, "lea", "worse", "it is wrong")
    for attempt in (
        lambda: vote(run, label.item_id, "ada", "left_better"),
        lambda: skip(run, label.item_id, "ada"),
        lambda: release(run, "ada", label.item_id),
        lambda: question(run, label.item_id, "ada"),
    ):
        with pytest.raises(UnknownItem):
            attempt()
    assert run.label_history(label.item_id) == [label]
