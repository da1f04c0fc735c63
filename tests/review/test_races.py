"""Fifteen reviewers at one queue at once, in threads and in processes: nothing over its overlap, lost or doubled."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from review.draw import Design, draw
from review.queue import vote
from store.errors import StoreBusy
from store.records import Run
from store.store import Store
from tests.review.racing import Racer, all_labels, check, crowded, told_of, work_all

ROOT = Path(__file__).parents[2]
NAMES = [f"reviewer-{number:02}" for number in range(1, 16)]


@pytest.fixture
def asked(make_judged, url):
    """`asked(n, …)`: a run with a queue of `n` items."""
    with Store.open(url) as store:

        def make(n, **design):
            run = store.create_run(Run(name="race", seed=0, config_hash="h", config={}))
            judged = make_judged([0.1 + 0.8 * i / n for i in range(n)])
            run.add_prompts(comparison.prompt for comparison, _ in judged)
            run.add_samples(s for comparison, _ in judged for s in (comparison.first, comparison.second))
            run.add_comparisons(comparison for comparison, _ in judged)
            run.add_verdicts(verdict for _, verdict in judged)
            run.add_review_items(draw(judged, n, 0, 11, 1, "gate", Design(**design)))
            return run

        yield make


def test_orderly_reviewers_in_threads_give_every_item_just_the_answers_it_asks_for(asked):
    run = asked(60, overlap=3, overlap_share=0.5)
    told, over, stop = [], [], threading.Event()

    def watch():
        while not stop.wait(0.02):
            over.extend(crowded(run))

    watcher = threading.Thread(target=watch)
    watcher.start()
    failures = work_all([Racer(run, name, 1, told.append, chaos=False, lease_s=600.0) for name in NAMES])
    stop.set()
    watcher.join()
    assert failures == []
    assert over == []
    labels = check(run, told, NAMES)
    assert {label.source for label in labels} == {"queue"}
    assert {label.revision for label in labels} == {0}
    assert len(labels) == sum(item.overlap for item in run.review_items(1)) == 120


def test_a_crowd_of_processes_with_leases_that_run_out_and_one_killed_loses_nothing(asked, url, tmp_path):
    run = asked(80, overlap=2)
    logs = [tmp_path / f"told-{number}" for number in range(3)]
    module = [sys.executable, "-W", "error", "-m", "tests.review.racing", url, "race"]
    crowds = [
        subprocess.Popen([*module, str(log), str(number), *NAMES[5 * number : 5 * number + 5]], cwd=ROOT)
        for number, log in enumerate(logs)
    ]
    try:
        _wait_for(lambda: logs[1].exists() and logs[1].read_text().count("\n") >= 10)
        crowds[1].send_signal(signal.SIGKILL)
        crowds[1].wait(20)
        assert [crowds[0].wait(120), crowds[2].wait(120)] == [0, 0]
    finally:
        for crowd in crowds:
            crowd.kill()
            crowd.wait(20)
    told = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    known = {one["label"] for one in told}
    untold = [
        told_of(label) for label in all_labels(run) if label.id not in known and label.value != "withdrawn"
    ]
    assert len(untold) <= 5, (
        "each thread of the killed process may have stored one answer that it never told of"
    )
    assert {one["reviewer"] for one in untold} <= set(NAMES[5:10])
    # What the killed ones held comes back; whoever was done before somebody took an answer back has some more to do.
    told += untold
    for chaos, names in ((True, NAMES[5:10]), (False, NAMES)):
        assert work_all([Racer(run, name, 9, told.append, chaos=chaos, lease_s=1.0) for name in names]) == []
    labels = check(run, told, NAMES)
    assert any(label.value == "withdrawn" for label in labels)


def test_of_two_who_wait_for_each_other_one_is_told_to_try_again_and_nothing_is_half_done(asked):
    run = asked(2)
    items = [item.id for item in run.review_items(1)]
    both_hold = threading.Barrier(2)
    ended, refused = [], []

    def both(name, order):
        try:
            with run.database.together():
                vote(run, order[0], name, "same")
                if run.database.dialect == "postgresql":  # SQLite lets no second one begin
                    both_hold.wait(30)
                vote(run, order[1], name, "same")
            ended.append(name)
        except StoreBusy as error:
            refused.append(str(error))

    threads = [
        threading.Thread(target=both, args=(name, order))
        for name, order in (("ada", items), ("bob", items[::-1]))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    labels = all_labels(run)
    assert Counter(label.reviewer for label in labels) == dict.fromkeys(ended, 2)
    assert len(ended) == (1 if run.database.dialect == "postgresql" else 2)
    assert all("try it again" in said for said in refused)
    assert len(ended) + len(refused) == 2


def _wait_for(happened, seconds=60.0):
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.02)
