"""The audit of a round, counted by hand: whose words enter it, what is decided, and by principle and stratum."""

import pytest

from judge.wilson import wilson
from review.estimates.agreement import audit_agreement
from review.estimates.audit import audit
from review.estimates.people import people
from review.estimates.win_rate import corrected_win_rate
from tests.review.labelled import Labelled


@pytest.fixture
def round(store):
    return Labelled(store)


def test_without_a_draw_or_a_label_nothing_is_claimed(round):
    empty = audit(round.run, 1)
    assert (empty.drawn, empty.answered, empty.disagreement.rate, empty.anytime) == (0, 0, None, None)
    round.item(0.9)
    drawn = audit(round.run, 1)
    assert (drawn.drawn, drawn.population, drawn.disagreement.rate, drawn.win_rate) == (1, 4.0, None, None)
    assert drawn.disagreement.why == "No comparison is decided."
    assert audit_agreement(round.run, 1).agreement is None


def test_sides_are_counted_and_what_nobody_decided_is_told_apart(round):
    said = [
        (0.9, "better"), (0.8, "much_better"), (0.3, "worse"), (0.1, "much_worse"),  # with the judge
        (0.9, "worse"), (0.2, "better"),  # against it
        (0.9, "same"), (0.2, "both_bad"), (0.5, "better"), (None, "worse"),
    ]  # fmt: skip
    for p, value in said:
        round.say(round.item(p, inclusion_probability=0.01), value)
    round.item(0.7, inclusion_probability=0.01)  # waits
    found = audit(round.run, 1)
    told = found.disagreement
    assert (found.drawn, found.population, found.answered, found.unscored) == (11, 1100.0, 10, 1)
    assert (told.comparisons, told.labels, told.prompts) == (9, 9, 9)
    assert (told.agreed, told.disagreed, told.undecided, told.same, told.both_bad) == (4, 2, 3, 1, 1)
    assert (told.rate, told.method, told.effective) == (wilson(2 / 6, 6), "wilson", 6.0)
    assert found.by_stratum == ()
    sequence = found.anytime
    assert (sequence.looks, sequence.planned, sequence.method) == (6, 11, "exact")
    assert sequence.rate.low < told.rate.low < told.rate.high < sequence.rate.high

    gate = audit_agreement(round.run, 1)
    assert (gate.labels, gate.agreed, gate.undecided) == (9, 4, 3)
    assert gate.agreement.value == pytest.approx(1 - told.rate.value)
    assert (gate.agreement.low, gate.agreement.high) == (1 - told.rate.high, 1 - told.rate.low)


def test_only_blind_labels_of_the_random_lane_that_stand_are_heard(round):
    heard = [round.item(0.9, inclusion_probability=0.01) for _ in range(5)]
    for item in heard:
        round.say(item, "better")
    before = audit(round.run, 1)

    targeted = round.item(0.9, lane="targeted", inclusion_probability=1.0)
    round.say(targeted, "worse")
    round.say(round.item(0.9, inclusion_probability=0.01), "worse", blind=False)
    override = round.draw(heard[0].comparison_id, lane="override", inclusion_probability=1.0)
    round.say(override, "worse", source="override", blind=False)
    repeat = round.draw(heard[1].comparison_id, lane="repeat", repeat_of=heard[1].id)
    round.say(repeat, "worse")
    round.say(heard[2], "worse", blind=False)  # said after the verdict was shown: the word before it counts
    after = audit(round.run, 1)
    assert after.disagreement == before.disagreement
    assert after.human.within.pairs == 1

    round.say(heard[3], "worse")  # thought again, still blind
    round.say(heard[4], "withdrawn")
    changed = audit(round.run, 1).disagreement
    assert (changed.comparisons, changed.agreed, changed.disagreed) == (4, 3, 1)


def test_a_comparison_counts_once_however_many_were_asked(round):
    agreed, split, most = (round.item(0.9, overlap=3, inclusion_probability=0.01) for _ in range(3))
    for reviewer in ("ada", "bob", "cyd"):
        round.say(agreed, "better", reviewer)
        round.say(most, "better" if reviewer == "ada" else "worse", reviewer)
    for reviewer, value in (("ada", "better"), ("bob", "worse")):
        round.say(split, value, reviewer)
    told = audit(round.run, 1).disagreement
    assert (told.comparisons, told.labels, told.agreed, told.disagreed, told.undecided) == (3, 8, 1, 1, 1)
    assert told.rate == wilson(0.5, 2)


def test_rounds_and_purposes_are_kept_apart(round):
    round.say(round.item(0.9), "better")
    round.say(round.item(0.9, round=2), "worse")
    round.say(round.item(0.9, round=2, purpose="gate"), "better")
    found = [audit(round.run, 1), audit(round.run, 2), audit(round.run, 2, "gate")]
    assert [(one.disagreement.agreed, one.disagreement.disagreed) for one in found] == [
        (1, 0),
        (0, 1),
        (1, 0),
    ]


def test_parts_count_by_their_size(round):
    # Six of 600 and four of 40: the small part, drawn ten times as densely, weighs a sixteenth.
    for number in range(6):
        item = round.item(0.9, stratum="margin=sure", inclusion_probability=0.01)
        round.say(item, "worse" if number == 0 else "better")
    for number in range(4):
        item = round.item(0.55, stratum="margin=even", inclusion_probability=0.1)
        round.say(item, "worse" if number < 3 else "better")
    found = audit(round.run, 1)
    assert found.disagreement.rate.value == pytest.approx((600 * 1 / 6 + 40 * 3 / 4) / 640)
    assert found.disagreement.method == "stratified"
    assert "2 parts" in found.disagreement.why
    shown = {one.stratum: (one.drawn, one.population, one.disagreed, one.rate) for one in found.by_stratum}
    assert shown["margin=sure"] == (6, pytest.approx(600), 1, wilson(1 / 6, 6))
    drawn, population, against, rate = shown["margin=even"]
    assert (drawn, population, against, rate.value) == (4, pytest.approx(40), 3, 0.75)
    # Four of forty are a good part: the interval is narrower than of four among many.
    assert wilson(0.75, 4).low < rate.low < rate.high < wilson(0.75, 4).high


def test_unanswered_items_of_a_part_are_stood_for_by_its_answered_ones(round):
    sure = [round.item(0.9, stratum="a", inclusion_probability=0.02) for _ in range(6)]
    even = [round.item(0.6, stratum="b", inclusion_probability=0.02) for _ in range(6)]
    for item in sure:
        round.say(item, "better")
    for item in even[:2]:
        round.say(item, "worse")
    assert audit(round.run, 1).disagreement.rate.value == pytest.approx(0.5)
    for item in even[2:]:
        round.say(item, "worse")
    assert audit(round.run, 1).disagreement.rate.value == pytest.approx(0.5)


def test_a_part_without_a_label_is_said_to_be_stood_for(round):
    for stratum in ("a", "b", "c"):
        for _ in range(3):
            item = round.item(0.9, stratum=stratum, inclusion_probability=0.02)
            if stratum != "c":
                round.say(item, "better")
    assert "1 of them have no label yet" in audit(round.run, 1).disagreement.why


def test_unequal_chances_are_weighed_by_their_inverse(round):
    for number, chance in enumerate((0.01, 0.02, 0.05, 0.5)):
        round.say(round.item(0.9, inclusion_probability=chance), "worse" if number < 2 else "better")
    told = audit(round.run, 1).disagreement
    assert told.rate.value == pytest.approx((100 + 50) / (100 + 50 + 20 + 2))
    assert told.method == "hajek"


def test_comparisons_of_few_prompts_are_clustered(round):
    for number in range(12):
        item = round.item(0.9, prompt=f"P{number // 4}", inclusion_probability=0.01)
        round.say(item, "worse" if number < 4 else "better")
    told = audit(round.run, 1).disagreement
    assert (told.method, told.prompts, told.rate.value) == ("clustered", 3, pytest.approx(1 / 3))
    plain = wilson(1 / 3, 12)
    assert told.rate.high - told.rate.low > 1.3 * (plain.high - plain.low)
    assert told.effective < 6


def test_marks_are_held_against_the_verdict_under_their_principle(round):
    parts = {"helpful": 0.9, "harmless": 0.2}
    for marks in (
        {"helpful": "first", "harmless": "first"},
        {"helpful": "second", "harmless": "first"},
        {"helpful": "same"},
        {},
    ):
        item = round.item(0.7, parts=parts, inclusion_probability=0.01)
        round.say(item, "better", marks=marks)
    by = {one.principle: one for one in audit(round.run, 1).by_principle}
    assert sorted(by) == ["harmless", "helpful"]
    helpful, harmless = by["helpful"], by["harmless"]
    assert {one.against for one in by.values()} == {"principle"}
    assert (helpful.comparisons, helpful.agreed, helpful.disagreed, helpful.same) == (3, 1, 1, 1)
    assert (harmless.comparisons, harmless.agreed, harmless.disagreed) == (2, 0, 2)
    assert (helpful.rate, harmless.rate) == (wilson(0.5, 2), wilson(1.0, 2))


def test_marks_are_held_against_the_overall_verdict_where_principles_were_not_asked_apart(round):
    for mark in ("first", "first", "second"):
        round.say(round.item(0.8, inclusion_probability=0.01), "better", marks={"helpful": mark})
    (helpful,) = audit(round.run, 1).by_principle
    assert (helpful.against, helpful.agreed, helpful.disagreed) == ("overall", 2, 1)


def test_all_answered_leaves_nothing_to_guess(round):
    for number in range(5):
        item = round.item(0.9, inclusion_probability=1.0)
        round.say(item, "worse" if number == 0 else "better")
    found = audit(round.run, 1)
    told = found.disagreement
    assert (told.rate.low, told.rate.value, told.rate.high) == (0.2, 0.2, 0.2)
    assert told.effective is None
    assert found.anytime.rate == told.rate


def test_the_audit_tells_the_win_rate_that_the_gate_decides_by(round):
    for number in range(8):
        item = round.item(0.7, purpose="gate", inclusion_probability=0.5)
        if number < 4:
            round.say(item, "better")
    told = audit(round.run, 1, confidence=0.9).win_rate
    assert told == corrected_win_rate(round.run, 1, 0, 0.9)
    assert (told.labels, told.differing, told.confidence) == (4, 8, 0.9)


def test_the_same_labels_in_another_order_give_the_same_report(store):
    reports = []
    for name, order in (("one", 1), ("other", -1)):
        round = Labelled(store, name)
        items = [round.item(0.9 - number / 20, stratum="ab"[number % 2]) for number in range(10)]
        said = [
            (item, "better" if n % 3 else "worse", who) for n, item in enumerate(items) for who in ("x", "y")
        ]
        for item, value, who in said[::order]:
            round.say(item, value, who)
        reports.append(audit(round.run, 1))
    assert reports[0] == reports[1]


def test_both_databases_tell_the_same(both, store):
    """The queries behind an audit, on SQLite and on PostgreSQL."""
    reports = []
    for where in (store, both):
        round = Labelled(where, "told")
        for number in range(12):
            item = round.item(0.9 - number / 15, stratum="ab"[number % 2], overlap=2)
            for reviewer in ("ada", "bob")[: 1 + number % 2]:
                round.say(item, ("better", "worse", "same")[number % 3], reviewer, marks={"helpful": "first"})
            if number % 4 == 0:
                round.say(item, "worse", blind=number > 0)
            if number % 5 == 0:
                round.run.skip(item.id, "cyd", "")
        reports.append((audit(round.run, 1), people(round.run)))
    assert reports[0] == reports[1]
    assert reports[0][0].disagreement.rate is not None
