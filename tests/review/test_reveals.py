"""Reveals, overrides, what is withheld: nobody is shown a verdict before they may, and what they were shown is kept."""

import pytest
import sqlalchemy as sa

from judge.ranks.standing import standing_labels
from review.blinding import is_withheld, revealed_to, withheld, withheld_ids
from review.draw import Design, draw
from review.errors import NotYetRevealed, ReviewError, UnknownItem
from review.overrides import override
from review.queue import claim, skip, undo, vote
from review.reveals import Mine, batches, mine, reveal, unblind
from store import tables
from store.records import Run


@pytest.fixture
def asked(make_judged, store):
    """`asked(n, mode)`: a run with a queue of `n`, three votes a batch."""

    def make(n, mode="batch", **design):
        config = {"spot_check": {"reveal": mode, "reveal_batch": 3}}
        run = store.create_run(Run(name="reveals", seed=0, config_hash="h", config=config))
        judged = make_judged([0.2 + 0.6 * i / n for i in range(n)])
        for i, (comparison, verdict) in enumerate(judged):
            orders = {"p_first_shown_first": verdict.p_first, "p_first_shown_second": verdict.p_first}
            judged[i] = comparison, verdict.model_copy(update={**orders, "rationale": f"because {i}"})
        run.add_prompts(comparison.prompt for comparison, _ in judged)
        run.add_samples(s for comparison, _ in judged for s in (comparison.first, comparison.second))
        run.add_comparisons(comparison for comparison, _ in judged)
        run.add_verdicts(verdict for _, verdict in judged)
        run.add_review_items(draw(judged, n, 0, 5, 1, "gate", Design(**design)))
        return run

    return make


def _answer(run, reviewer, count, choice="left_better"):
    labels = []
    for _ in range(count):
        (question,) = claim(run, reviewer).items
        labels.append(vote(run, question.item_id, reviewer, choice))
    return labels


def test_a_batch_shows_the_verdicts_in_terms_of_the_sides_as_they_were_shown(asked):
    run = asked(9)
    _answer(run, "ada", 9)
    swapped = set()
    for number in (1, 2, 3):
        for shown in reveal(run, "ada", number).votes:
            comparison = run.comparison(shown.label.comparison_id)
            (verdict,) = run.verdicts_on(comparison.id)
            (said,) = shown.verdicts
            texts = (comparison.first.text, comparison.second.text)
            assert (shown.left, shown.right) == (texts[::-1] if shown.label.swapped else texts)
            p_left = 1 - verdict.p_first if shown.label.swapped else verdict.p_first
            assert (said.p_left, said.p_left_shown_left, said.p_left_shown_right) == (p_left,) * 3
            assert (shown.choice, said.rationale, said.flipped) == ("left_better", verdict.rationale, False)
            assert shown.agrees == (None if p_left == 0.5 else p_left > 0.5)
            swapped.add(shown.label.swapped)
    assert swapped == {True, False}


def test_others_votes_are_told_from_where_the_reviewer_sat(asked):
    run = asked(6, overlap=2)
    _answer(run, "ada", 6)
    _answer(run, "bob", 6, "left_better")
    for number in (1, 2):
        for shown in reveal(run, "ada", number).votes:
            (other,) = shown.others
            same = shown.label.value == next(
                one.value for one in run.labels_on(shown.label.comparison_id) if one.reviewer == "bob"
            )
            assert (other.reviewer, other.choice) == ("bob", "left_better" if same else "right_better")


def test_a_batch_is_shown_when_it_is_full_and_the_last_when_nothing_is_left(asked):
    run = asked(5)
    _answer(run, "ada", 2)
    assert mine(run, "ada") == Mine(votes=2, batch=1, in_batch=2, batch_size=3)
    with pytest.raises(NotYetRevealed, match="batch 1 has 2 of 3 votes"):
        reveal(run, "ada", 1)
    _answer(run, "ada", 2)
    assert [(one.votes, one.revealable, one.revealed) for one in batches(run, "ada")] == [
        (3, True, False),
        (1, False, False),
    ]
    assert len(reveal(run, "ada", 1).votes) == 3
    _answer(run, "ada", 1)
    assert [(one.votes, one.revealable, one.revealed) for one in batches(run, "ada")] == [
        (3, True, True),
        (2, True, False),
    ]
    assert len(reveal(run, "ada", 2).votes) == 2
    assert reveal(run, "ada", 2) == reveal(run, "ada", 2)
    for nothing in (0, 3, -1):
        with pytest.raises(NotYetRevealed, match="no votes in batch"):
            reveal(run, "ada", nothing)


def test_never_means_never(asked):
    run = asked(3, "never")
    _answer(run, "ada", 3)
    with pytest.raises(NotYetRevealed, match="never"):
        reveal(run, "ada", 1)
    assert not any(one.revealable for one in batches(run, "ada"))
    assert not run.revealed("ada", [item.comparison_id for item in run.review_items(1)])


def test_at_once_a_batch_may_be_looked_at_while_it_fills(asked):
    run = asked(4, "at_once")
    (label,) = _answer(run, "ada", 1)
    assert label.reveal == "at_once"
    assert [shown.label.id for shown in reveal(run, "ada", 1).votes] == [label.id]


def test_an_answer_whose_repeat_is_to_come_is_held_back(asked):
    run = asked(3, repeats=0.34)
    _answer(run, "ada", 3)
    shown = reveal(run, "ada", 1)
    (repeat,) = run.review_items(1, lane="repeat")
    assert (len(shown.votes), shown.held_back) == (2, 1)
    assert repeat.comparison_id not in {one.label.comparison_id for one in shown.votes}
    vote(run, repeat.id, "ada", "same")
    shown = reveal(run, "ada", 1)
    assert (len(shown.votes), shown.held_back) == (3, 0)


def test_a_taken_back_answer_is_in_no_batch(asked):
    run = asked(4)
    _answer(run, "ada", 3)
    undo(run, "ada")
    assert mine(run, "ada").votes == 2
    with pytest.raises(NotYetRevealed, match="2 of 3"):
        reveal(run, "ada", 1)


def test_what_waits_for_people_is_withheld_from_everybody(asked):
    run = asked(3)
    first, second, third = (item.comparison_id for item in run.review_items(1))
    assert withheld_ids(run, "lea") == {first, second, third}
    (label,) = _answer(run, "ada", 1)
    assert withheld_ids(run, "lea") == {first, second, third} - {label.comparison_id}
    skip(run, next(iter(claim(run, "ada").items)).item_id, "ada")
    assert len(withheld_ids(run, "lea")) == 2


def test_what_one_answered_is_withheld_until_it_was_shown_to_them(asked):
    run = asked(3)
    labels = _answer(run, "ada", 3)
    assert withheld_ids(run, "ada") == {label.comparison_id for label in labels}
    assert withheld_ids(run, "lea") == set()
    reveal(run, "ada", 1)
    assert withheld_ids(run, "ada") == set()


def test_a_lead_may_ask_to_see_one_and_is_not_blind_to_it_from_then_on(asked):
    run = asked(2)
    item, other = run.review_items(1)
    unblind(run, run.comparison(item.comparison_id), "lea")
    assert not is_withheld(run, "lea", item.comparison_id)
    assert is_withheld(run, "lea", other.comparison_id)
    assert is_withheld(run, "ada", item.comparison_id)
    assert not vote(run, item.id, "lea", "same").blind


def test_the_condition_fits_into_a_query_of_any_table_with_comparisons(asked):
    run = asked(4)
    _answer(run, "ada", 2)
    verdicts = tables.verdicts

    def count(condition):
        with run.database.read() as connection:
            query = (
                sa.select(sa.func.count()).select_from(verdicts).where(verdicts.c.run == run.name, condition)
            )
            return connection.scalar(query)

    assert count(withheld(verdicts.c.run, "lea", verdicts.c.comparison_id)) == 2
    assert count(withheld(run.name, "ada", verdicts.c.comparison_id)) == 4
    assert count(revealed_to(run.name, "ada", verdicts.c.comparison_id)) == 0


def test_an_override_stands_alone_and_enters_no_estimate(asked):
    run = asked(3, overlap=2)
    labels = _answer(run, "ada", 3)
    about = labels[0].comparison_id
    before = {label.id for label in run.labels(1, blind=True) if label.lane == "random"}
    made = override(run, about, "ada", "both_bad", "neither answers")
    assert (made.lane, made.source, made.reason) == ("override", "override", "neither answers")
    assert standing_labels(run.labels(1))[about].labels == (made,)
    assert {label.id for label in run.labels(1, blind=True) if label.lane == "random"} == before
    assert override(run, about, "ada", "both_bad", "neither answers") == made
    revised = override(run, about, "ada", "better", "I looked again")
    assert (revised.revision, standing_labels(run.labels(1))[about].p_first) == (1, 1.0)
    override(run, about, "ada", "withdrawn", "")
    assert standing_labels(run.labels(1))[about].labels == (labels[0],)
    with pytest.raises(ReviewError, match=r"no override .* to take back"):
        override(run, about, "ada", "withdrawn", "")


def test_an_override_asks_nobody_and_is_no_queue(asked):
    run = asked(1)
    (item,) = run.review_items(1)
    override(run, item.comparison_id, "lea", "worse", "")
    assert [one.id for one in run.open_items()] == [item.id]
    assert [question.item_id for question in claim(run, "ada", count=5).items] == [item.id]


def test_an_override_of_nothing_or_with_nothing_is_refused(asked):
    run = asked(1)
    (item,) = run.review_items(1)
    with pytest.raises(UnknownItem, match="no comparison 'cmp_0'"):
        override(run, "cmp_0", "lea", "worse", "")
    with pytest.raises(ReviewError, match="'left_better' is not a label"):
        override(run, item.comparison_id, "lea", "left_better", "")
