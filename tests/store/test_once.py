"""A request with a key is done once: by threads, by processes, and when one is killed in between."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from store import Store
from store.errors import KeyReused
from store.once import Answered, once
from store.once_tables import answered_requests
from store.people_tables import accounts


@pytest.fixture
def account(store):
    return make_account(store, "acc_ada")


def make_account(store, id):
    row = {
        "id": id, "name": id, "folded": id, "role": "reviewer", "password_hash": "", "preferences": {},
        "created_at": datetime.now(UTC),
    }  # fmt: skip
    with store.database.write() as connection:
        connection.execute(sa.insert(accounts), row)
    return id


def test_the_work_is_done_once_and_a_repeat_is_told_the_same(store, run, units, account):
    done = []

    def work():
        done.append(run.add_prompts(units.prompts(2)))
        return "two prompts \ud800"

    told = [once(store.database, account, "key", "print", work) for _ in range(3)]
    assert done == [2]
    assert told == [Answered("two prompts \ud800", replayed) for replayed in (False, True, True)]


def test_keys_are_one_accounts_own(store, account):
    other = make_account(store, "acc_bob")
    told = [once(store.database, who, "key", "print", lambda who=who: who) for who in (account, other)]
    assert [one.answer for one in told] == [account, other]


def test_the_key_of_another_request_is_refused(store, account):
    once(store.database, account, "key", "print", lambda: "done")
    with pytest.raises(KeyReused, match="another request"):
        once(store.database, account, "key", "another print", lambda: "done again")


def test_where_the_work_fails_nothing_of_it_stays_and_it_can_be_sent_again(store, run, units, account):
    def fail():
        run.add_prompts(units.prompts(2))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        once(store.database, account, "key", "print", fail)
    assert list(run.prompts("train")) == []
    assert once(store.database, account, "key", "print", lambda: "now") == Answered("now", replayed=False)


def test_of_many_at_once_one_does_the_work_and_all_are_told_its_answer(store, account):
    with ThreadPoolExecutor(8) as pool:
        told = list(
            pool.map(lambda i: once(store.database, account, "key", "print", lambda: f"by {i}"), range(24))
        )
    assert len({one.answer for one in told}) == 1
    assert sum(not one.replayed for one in told) == 1


def test_old_answers_are_swept_away(store, account):
    for i in range(5):
        once(store.database, account, f"key{i}", "print", lambda: "done")
    with store.database.write() as connection:
        past = datetime.now(UTC) - timedelta(seconds=1)
        connection.execute(sa.update(answered_requests).values(expires_at=past))
    once(store.database, account, "fresh", "print", lambda: "done")
    with store.database.read() as connection:
        assert connection.execute(sa.select(answered_requests.c.key)).scalars().all() == ["fresh"]


_CHILD = """
import sys, time
from pathlib import Path
from store import Store
from store.once import once
from store.records import Message, Prompt

url, told = sys.argv[1], Path(sys.argv[2])
store = Store.open(url)
run = store.run("first")

def work():
    run.add_prompts([Prompt(messages=(Message(role="user", content="by the child"),), split="train")])
    told.write_text("working")
    time.sleep(60)
    return "the child's"

once(store.database, "acc_ada", "key", "print", work)
"""


def test_a_process_killed_at_work_leaves_nothing_and_the_repeat_does_it(store, run, account, url, tmp_path):
    told = tmp_path / "told"
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, url, str(told)], cwd=root, env={**os.environ, "PYTHONPATH": str(root)}
    )
    try:
        while not told.exists():
            assert child.poll() is None
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(once, store.database, account, "key", "print", lambda: "mine")
            child.send_signal(signal.SIGKILL)
            child.wait(30)
            assert waiting.result(timeout=60) == Answered("mine", replayed=False)
    finally:
        child.kill()
        child.wait(30)
    assert list(run.prompts("train")) == []


def test_another_process_is_told_what_this_one_did(store, account, url):
    once(store.database, account, "key", "print", lambda: "mine")
    with Store.open(url) as other:
        assert once(other.database, account, "key", "print", lambda: "theirs").answer == "mine"
