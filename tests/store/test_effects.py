"""The ledger: pages that neither lose nor repeat, labels taken up once, and a stage's entries whole or not at all."""

import pytest
import sqlalchemy as sa

from store.effects import LabelEffect
from store.errors import BadUnit, NotFound
from store.records import Label, ReviewItem, StageMarker
from store.scope import CHUNK


@pytest.fixture
def labelled(run, units):
    """A run with a label by each of three reviewers on the comparisons of two rounds; and those labels."""
    prompts = units.prompts(20)
    run.add_prompts(prompts)
    labels = []
    for index in (1, 2):
        samples = units.samples(prompts, 2, round=index)
        run.add_samples(samples)
        comparisons = units.comparisons(prompts, samples)
        run.add_comparisons(comparisons)
        for position, comparison in enumerate(comparisons):
            item = ReviewItem(
                comparison_id=comparison.id, round=index, purpose="train", lane="random",
                inclusion_probability=0.5, seed=1, position=position,
            )  # fmt: skip
            run.add_review_items([item])
            for reviewer in ("ada", "bea", "cid"):
                label = Label(
                    item_id=item.id, comparison_id=comparison.id, value="better", reviewer=reviewer,
                    lane="random", inclusion_probability=0.5,
                )  # fmt: skip
                run.add_label(label)
                labels.append(label)
    return run, labels


def entry(label, position, index=1, stage="pair", **fields):
    made = {"effect": "flipped", "why": "late", **fields}
    return LabelEffect(
        label_id=label.id, comparison_id=label.comparison_id, reviewer=label.reviewer, round=index,
        stage=stage, position=position, **made,
    )  # fmt: skip


def test_entries_come_back_as_they_were_and_a_second_writing_changes_nothing(labelled):
    run, labels = labelled
    made = [entry(label, n, subject="par_x", detail={"of_round": 1}) for n, label in enumerate(labels)]
    assert run.add_effects(made) == len(made)
    assert run.add_effects(made) == 0
    assert list(run.effects()) == made
    assert run.effect(made[3].id) == made[3]
    with pytest.raises(NotFound, match="no entry 'eff_0'"):
        run.effect("eff_0")


def test_pages_neither_lose_nor_repeat_under_any_condition(labelled):
    run, labels = labelled
    run.add_effects(
        entry(label, n, index=1 + n % 3, stage="pair" if n % 2 else "gate") for n, label in enumerate(labels)
    )
    for condition in ({}, {"round": 2}, {"reviewer": "bea"}, {"stage": "gate", "reviewer": "cid"}):
        everything, found, after = list(run.effects(**condition)), [], None
        while True:
            page = run.effect_page(after=after, limit=7, **condition)
            found += page.effects
            assert len(page.effects) <= 7
            after = page.next
            if after is None:
                break
        assert found == everything
        assert everything
    assert list(run.effects(label_id=labels[5].id)) == [
        one for one in run.effects() if one.label_id == labels[5].id
    ]
    assert run.effect_page(limit=len(labels)).next is None


def test_counts_are_by_round_stage_and_effect(labelled):
    run, labels = labelled
    run.add_effects(
        entry(label, n, effect="added" if n < 5 else "nothing") for n, label in enumerate(labels[:9])
    )
    assert run.effect_counts() == {(1, "pair", "added"): 5, (1, "pair", "nothing"): 4}
    assert run.effect_counts(2) == {}


def test_a_label_enters_one_training_set(labelled):
    run, labels = labelled
    run.add_effects([entry(labels[0], 0)])
    with pytest.raises((BadUnit, sa.exc.IntegrityError)):
        run.add_effects([entry(labels[0], 0, index=2)])
    run.add_effects([entry(labels[0], 0, index=2, stage="calibration")])


def test_a_stages_entries_and_its_marker_go_in_together(labelled):
    run, labels = labelled

    def broken():
        for n, label in enumerate(labels * (CHUNK // len(labels) + 1)):
            yield entry(label, n)
        raise RuntimeError("the source failed")

    marker = StageMarker(round=1, stage="labels", seconds=0.1, counts={"labels": 3})
    with pytest.raises(RuntimeError, match="the source failed"):
        run.enter(broken(), marker)
    assert list(run.effects()) == []
    assert run.marker(1, "labels") is None
    run.enter([entry(labels[0], 0)], marker)
    assert run.marker(1, "labels") == marker
    assert len(list(run.effects())) == 1


def test_labels_wait_until_a_stage_takes_them_up(labelled):
    run, labels = labelled
    first, second = labels[:60], labels[60:]

    def ids(found):
        return {label.id for _, label in found}

    assert ids(run.labels_without_effect(1)) == {label.id for label in first}
    assert {played for played, _ in run.labels_without_effect(2)} == {1, 2}
    run.add_effects(entry(label, n) for n, label in enumerate(first[:50]))
    assert ids(run.labels_without_effect(1)) == {label.id for label in first[50:]}
    run.add_effects(entry(label, n, index=2) for n, label in enumerate([*first[50:], *second]))
    assert list(run.labels_without_effect(2)) == []
    assert ids(run.entered_labels(2)) == {label.id for label in [*first[50:], *second]}
    on = {label.comparison_id for label in first[45:55]}
    assert {label.id for label in run.labels_entered_on(on, before=2)} == {
        label.id for label in first[:50] if label.comparison_id in on
    }
    assert ids(run.labels_without_effect(2, "gate")) == set()
