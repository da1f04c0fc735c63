"""Several writes as one: all of them happen, or none, whichever database keeps them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from store import Store
from store.errors import BadUnit


def test_what_is_written_together_is_read_inside_and_committed_at_the_end(store, run, units, url):
    with store.database.together():
        run.add_prompts(units.prompts(3))
        assert len(list(run.prompts("train"))) == 3
        with ThreadPoolExecutor(1) as other:
            assert other.submit(lambda: len(list(run.prompts("train")))).result() == 0
    with Store.open(url) as again:
        assert len(list(again.run("first").prompts("train"))) == 3


def test_nothing_of_it_stays_when_it_ends_with_an_error(store, run, units):
    def written_halfway():
        with store.database.together():
            run.add_prompts(units.prompts(3))
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        written_halfway()
    assert list(run.prompts("train")) == []
    assert run.add_prompts(units.prompts(3)) == 3


def test_a_refusal_that_is_caught_inside_undoes_only_itself(store, run, units):
    prompts = units.prompts(2)
    with store.database.together():
        run.add_prompts(prompts)
        with pytest.raises(BadUnit):
            run.add_samples(units.samples(units.prompts(4)))
        run.add_samples(units.samples(prompts))
    assert len(list(run.samples(1, "train"))) == 4
