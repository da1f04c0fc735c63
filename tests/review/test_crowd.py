"""Fifteen reviewers over HTTP, whose connections break off and whose server is killed: nothing is lost or doubled."""

import time
from datetime import timedelta

import pytest

from review.accounts.desk import Desk
from review.accounts.journal import Actor
from review.accounts.passwords import Passwords
from review.draw import Design, draw
from store.records import Run
from store.store import Store
from tests.review.crowd import Remote, Service, work_all
from tests.review.racing import check, crowded
from tests.review.serving import CHEAP

NAMES = [f"reviewer-{number:02}" for number in range(1, 16)]


@pytest.fixture
def open_store(url):
    with Store.open(url) as store:
        yield store


@pytest.fixture
def service(url, tmp_path):
    serving = Service(url, tmp_path / "serve.log")
    yield serving
    serving.kill()


def _asked(store, make_judged, n):
    """A run with `n` items, each for three reviewers."""
    run = store.create_run(Run(name="crowd", seed=0, config_hash="h", config={}))
    judged = make_judged([0.1 + 0.8 * i / n for i in range(n)])
    run.add_prompts(comparison.prompt for comparison, _ in judged)
    run.add_samples(s for comparison, _ in judged for s in (comparison.first, comparison.second))
    run.add_comparisons(comparison for comparison, _ in judged)
    run.add_verdicts(verdict for _, verdict in judged)
    run.add_review_items(draw(judged, n, 0, 11, 1, "gate", Design(overlap=3)))
    return run


def _crowd(store, service):
    """An account and a token for each reviewer."""
    desk = Desk(store, passwords=Passwords(CHEAP))
    made = []
    for number, name in enumerate(NAMES):
        account = desk.roster.add(
            name, "reviewer", desk.passwords.hash("seven wet umbrellas"), Actor("operator")
        )
        _, token = desk.tokens.make(account, "test", ["read", "review"], timedelta(days=1), Actor("operator"))
        made.append(Remote(service.url, token, "crowd", name, number))
    return made


def _work(store, service, make_judged, n):
    run = _asked(store, make_judged, n)
    remotes = _crowd(store, service)
    over, kills = [], []

    def told():
        return sum(len(remote.told) for remote in remotes)

    def meanwhile(working):
        while working():
            over.extend(crowded(run))
            if not kills and told() >= 3 * n // 2:
                service.kill()
                kills.append(told())
                time.sleep(0.3)
                service.start()
            time.sleep(0.05)

    service.start()
    failures = work_all(remotes, meanwhile)
    assert failures == []
    assert over == []
    assert kills
    labels = check(run, [one for remote in remotes for one in remote.told], NAMES)
    assert {label.source for label in labels} == {"queue"}
    assert sum(label.value != "withdrawn" for label in labels) >= 3 * n


def test_some_items_each_with_a_killed_server(open_store, service, make_judged):
    each = 12 if open_store.database.dialect == "sqlite" else 40
    _work(open_store, service, make_judged, 15 * each // 3)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_items_each_with_a_killed_server(open_store, service, make_judged):
    _work(open_store, service, make_judged, 15 * 100 // 3)


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_a_thousand_items_each_with_a_killed_server(open_store, service, make_judged):
    _work(open_store, service, make_judged, 15 * 1000 // 3)
