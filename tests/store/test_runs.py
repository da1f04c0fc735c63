"""Runs by name and configuration, and finding any unit by its id."""

from itertools import pairwise

import pytest

from store import Store
from store.errors import AmbiguousId, NotFound, RunDiffers


def test_the_same_run_is_opened_again_as_it_was_first_stored(store, units):
    first = store.create_run(units.run(beta=0.1))
    again = store.create_run(units.run(beta=0.1).model_copy(update={"device": "another machine"}))
    assert again.record == first.record
    assert len(store.runs()) == 1


def test_another_configuration_under_a_taken_name_is_refused_naming_what_differs(store, units):
    store.create_run(units.run(train={"beta": 0.1, "epochs": 1}, old=True))
    with pytest.raises(RunDiffers) as refused:
        store.create_run(units.run(train={"beta": 0.2, "epochs": 1}, new="x"))
    message = str(refused.value)
    assert "train.beta: 0.1 → 0.2" in message
    assert "old: True → not set" in message
    assert "new: not set → 'x'" in message
    assert "epochs" not in message
    assert "another name" in message


def test_an_unknown_run_is_refused_naming_the_nearest(store, units):
    store.create_run(units.run("starter"))
    with pytest.raises(NotFound, match=r"no run 'startr'.*nearest: starter"):
        store.run("startr")


def test_runs_are_listed_oldest_first_with_their_configuration(store, units):
    made = [units.run(name, n=i) for i, name in enumerate(["zeta", "alpha", "mid"])]
    for run in made:
        store.create_run(run)
    assert store.runs() == made


def test_runs_keep_the_same_units_apart(store, units):
    one, other = store.create_run(units.run("one")), store.create_run(units.run("other"))
    prompts = units.prompts(3)
    one.add_prompts(prompts)
    assert other.add_prompts(reversed(prompts)) == 3
    one.add_samples(units.samples(prompts))
    assert list(other.samples(1, "train")) == []
    assert list(other.prompts("train")) == list(reversed(prompts))


@pytest.fixture
def filled(store: Store, units):
    run = store.create_run(units.run())
    prompts = units.prompts(30)
    run.add_prompts(prompts)
    run.add_samples(units.samples(prompts))
    return run


def test_a_unit_is_found_by_any_unique_beginning_of_its_id(store, filled):
    ids = sorted(sample.id for sample in filled.samples(1, "train"))
    for previous, id, following in zip(["", *ids], ids, [*ids[1:], ""], strict=False):
        length = next(n for n in range(5, 25) if id[:n] not in (previous[:n], following[:n]))
        assert store.find(id[:length]) == ("first", "sample", id)
        assert store.find(id) == ("first", "sample", id)


def test_a_beginning_that_several_ids_share_is_refused_listing_them(store, filled):
    ids = sorted(sample.id for sample in filled.samples(1, "train"))
    shared = next(a[:5] for a, b in pairwise(ids) if a[:5] == b[:5])
    with pytest.raises(AmbiguousId, match="Give more of the id") as refused:
        store.find(shared)
    assert all(id in str(refused.value) for id in ids if id.startswith(shared))


@pytest.mark.usefixtures("filled")
def test_an_id_that_several_runs_have_needs_the_run(store, units):
    store.create_run(units.run("second")).add_prompts(units.prompts(1))
    id = units.prompts(1)[0].id
    with pytest.raises(AmbiguousId, match="Name the run"):
        store.find(id)
    assert store.find(id, run="second") == ("second", "prompt", id)


@pytest.mark.parametrize(
    ("id", "reason"),
    [
        ("smp_ffffffffffffffffffff0", "nothing in"),
        ("smp_", "not an id"),
        ("smp_xyz", "not an id"),
        ("sample", "not an id"),
        ("smp_%", "not an id"),
        ("", "not an id"),
    ],
)
@pytest.mark.usefixtures("filled")
def test_what_is_no_id_is_refused_with_the_reason(store, id, reason):
    with pytest.raises(NotFound, match=reason):
        store.find(id)
