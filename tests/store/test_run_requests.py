"""Runs that people ask for: each is taken by one process, whoever asks at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from store import Store
from store.errors import BadUnit, NotFound
from store.run_requests import RunRequests


@pytest.fixture
def desk(store, run):
    assert run.name == "first"
    return RunRequests(store.database)


def test_requests_come_back_oldest_first_as_they_were_asked(desk):
    new = desk.ask("first", "lea", name="second")
    more = desk.ask("first", "lea", rounds=5)
    assert desk.requests() == [new, more] == desk.requests(open_only=True, source="first")
    assert (new.name, new.rounds, more.name, more.rounds, more.state) == ("second", None, "first", 5, "asked")
    assert desk.request(more.id) == more


def test_what_cannot_be_played_is_refused_when_it_is_asked(desk):
    with pytest.raises(NotFound, match="no run 'nobody'"):
        desk.ask("nobody", "lea")
    with pytest.raises(BadUnit, match="say how many"):
        desk.ask("first", "lea")
    desk.ask("first", "lea", name="second")
    with pytest.raises(BadUnit, match="asked for already"):
        desk.ask("first", "lea", name="second")
    with pytest.raises(NotFound, match="no request 'req_0'"):
        desk.request("req_0")


def test_a_new_run_may_not_take_the_name_of_one_that_is_there(desk, store, units):
    store.create_run(units.run("second"))
    with pytest.raises(BadUnit, match="there is a run 'second' already"):
        desk.ask("first", "lea", name="second")


def test_a_request_goes_through_its_states_once(desk):
    asked = desk.ask("first", "lea", name="second")
    taken = desk.take(asked, "host:1")
    assert (taken.state, taken.taken_by) == ("taken", "host:1")
    assert desk.take(asked, "host:2") is None
    assert desk.withdraw(asked.id, "lea") is None
    assert desk.end(asked.id, "host:2", "done", "not mine") is None
    done = desk.end(asked.id, "host:1", "done", "played 2 rounds")
    assert (done.state, done.outcome) == ("done", "played 2 rounds")
    assert desk.take(taken, "host:2") is None
    assert desk.requests(open_only=True) == []
    assert desk.requests() == [done]


def test_what_a_dead_taker_held_is_taken_over_once(desk):
    held = desk.take(desk.ask("first", "lea", name="second"), "host:1")
    assert desk.take(held, "host:2").taken_by == "host:2"
    assert desk.take(held, "host:3") is None
    assert desk.end(held.id, "host:1", "done", "back from the dead") is None


def test_a_request_may_be_given_back_or_withdrawn(desk):
    asked = desk.ask("first", "lea", name="second")
    desk.take(asked, "host:1")
    assert desk.release(asked.id, "host:2") is None
    back = desk.release(asked.id, "host:1")
    assert back == asked
    gone = desk.withdraw(asked.id, "mia")
    assert (gone.state, gone.outcome) == ("withdrawn", "withdrawn by mia")
    assert desk.take(back, "host:1") is None


def test_many_takers_at_once_never_take_the_same(desk, url):
    for number in range(12):
        desk.ask("first", "lea", name=f"run-{number}")

    def work(taker: int) -> list[str]:
        with Store.open(url) as own:
            mine = RunRequests(own.database)
            asked = [one for one in mine.requests(open_only=True) if one.state == "asked"]
            return [one.id for one in asked if mine.take(one, f"host:{taker}")]

    with ThreadPoolExecutor(4) as pool:
        taken = [id for some in pool.map(work, range(4)) for id in some]
    assert len(taken) == len(set(taken)) == 12
    assert {one.state for one in desk.requests()} == {"taken"}
