"""The queue and the labels: drawn once, answered once, revised by appending."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from store.errors import BadUnit, NotFound
from store.records import Label, ReviewItem

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def queue(run, units):
    """A run with two items in the random lane and one in the targeted lane."""
    prompts = units.prompts(3)
    samples = units.samples(prompts)
    run.add_prompts(prompts)
    run.add_samples(samples)
    comparisons = units.comparisons(prompts, samples)
    run.add_comparisons(comparisons)
    items = [
        ReviewItem(
            comparison_id=comparison.id, round=1, purpose="train", lane=lane, inclusion_probability=2 / 3,
            seed=2**62, position=position,
        )
        for comparison, lane, position in zip(
            comparisons, ("random", "targeted", "random"), (0, 1, 2), strict=True
        )
    ]  # fmt: skip
    assert run.add_review_items([items[2], items[1], items[0]]) == 3
    return run, items


def label(item, value="better", reviewer="ana", **fields):
    return Label(
        item_id=item.id, comparison_id=item.comparison_id, value=value, reviewer=reviewer, lane=item.lane,
        inclusion_probability=item.inclusion_probability, **{"created_at": NOON, **fields},
    )  # fmt: skip


def test_items_come_by_the_position_of_the_draw_lanes_side_by_side(queue):
    run, items = queue
    assert list(run.review_items(1)) == items
    assert list(run.review_items(1, lane="targeted")) == [items[1]]
    assert list(run.review_items(1, "gate")) == list(run.review_items(2)) == []
    assert run.add_review_items(items) == 0
    assert run.review_item(items[1].id) == items[1]


def test_an_item_on_an_unknown_comparison_is_refused(queue):
    run, items = queue
    with pytest.raises(BadUnit, match="cannot add to review_items"):
        run.add_review_items([items[0].model_copy(update={"comparison_id": "cmp_0", "id": "itm_0"})])


def test_an_item_is_open_until_anyone_labels_it(queue):
    run, items = queue
    run.add_label(label(items[0], reviewer="ben"))
    assert list(run.open_items("ana")) == items[1:]
    assert list(run.open_items(round=1, purpose="train")) == items[1:]
    assert list(run.open_items(round=2)) == list(run.open_items(purpose="gate")) == []


def test_a_skip_closes_an_item_for_that_reviewer_only(queue):
    run, items = queue
    run.skip(items[0].id, "ana", "cannot tell")
    run.skip(items[0].id, "ana", "again")
    assert list(run.open_items("ana")) == items[1:]
    assert list(run.open_items("ben")) == items
    assert list(run.open_items()) == items[1:]


def test_a_revision_appends_and_only_the_latest_counts(queue):
    run, items = queue
    first = label(items[0], "better")
    second = label(items[0], "worse", revision=1, created_at=NOON + timedelta(minutes=1))
    other = label(items[0], "same", reviewer="ben")
    assert run.add_label(second)
    assert run.add_label(other)
    assert run.add_label(first)
    assert sorted(run.labels(1), key=lambda one: one.reviewer) == [second, other]
    assert {one.id for one in run.label_history(items[0].id)} == {first.id, second.id, other.id}
    assert run.label_history(items[0].id)[-1] == second


def test_a_label_given_twice_counts_once(queue):
    run, items = queue
    assert run.add_label(label(items[0])) is True
    assert run.add_label(label(items[0], created_at=NOON + timedelta(hours=1))) is False
    assert list(run.labels(1)) == [label(items[0])]


def test_a_label_cannot_be_changed_under_the_same_revision(queue):
    run, items = queue
    run.add_label(label(items[0], "better"))
    with pytest.raises(BadUnit, match=r"'ana' has given revision 0 .* add revision 1"):
        run.add_label(label(items[0], "worse"))
    assert list(run.labels(1)) == [label(items[0], "better")]


def test_labels_come_in_the_order_of_the_items_and_by_purpose(queue):
    run, items = queue
    given = [label(item) for item in items]
    for one in reversed(given):
        run.add_label(one)
    assert list(run.labels(1)) == list(run.labels(1, "train")) == given
    assert list(run.labels(1, "gate")) == list(run.labels(2)) == []


def test_a_label_must_be_on_a_drawn_item_and_on_its_comparison(queue):
    run, items = queue
    with pytest.raises(NotFound, match="no review item 'itm_0'"):
        run.add_label(label(items[0]).model_copy(update={"item_id": "itm_0"}))
    with pytest.raises(BadUnit, match=r"is on cmp_.*, the label on cmp_"):
        run.add_label(label(items[0]).model_copy(update={"comparison_id": items[1].comparison_id}))
    with pytest.raises(BadUnit, match="cannot add to skips"):
        run.skip("itm_0", "ana", "")


def test_a_label_s_moment_comes_back_in_utc(queue):
    run, items = queue
    elsewhere = datetime(2026, 3, 1, 23, 59, 59, 123456, tzinfo=timezone(timedelta(hours=-9, minutes=-30)))
    given = label(items[0], swapped=True, created_at=elsewhere)
    run.add_label(given)
    stored = run.label(given.id)
    assert stored == given
    assert stored.created_at.utcoffset() == timedelta(0)
