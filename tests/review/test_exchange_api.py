"""Files of labels over HTTP: an attachment that no browser shows, an upload that is whole or nothing, for leads."""

import json
from typing import Any

import pytest
from fastapi import FastAPI

from review.accounts.desk import Desk
from review.queue import vote
from review.web.app import create_app
from store.run import RunStore
from store.store import Store
from tests.review.direct import Answer, ask
from tests.review.questions_for_review import plain, review_run
from tests.review.serving import desk_with_accounts

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def desk(store: Store) -> Desk:
    return desk_with_accounts(store)


@pytest.fixture
def app(store: Store, desk: Desk) -> FastAPI:
    return create_app(store, desk=desk)


@pytest.fixture
def run(store: Store) -> RunStore:
    return review_run(store, [*plain(3), (HOSTILE, HOSTILE, "no")])


def sent(app: FastAPI, desk: Desk, method: str, what: str, body: Any = None, **headers: str) -> Answer:
    account = desk.roster.named("leo")
    assert account is not None
    session = desk.sessions.begin(account.id, "192.0.2.1", "a test")[1]
    kind = {"Content-Type": "application/json"} if body is not None else {}
    data = json.dumps(body).encode() if body is not None else b""
    path = f"/api/v1/runs/desk/labels/{what}"
    return ask(app, method, path, session=session, body=data, headers={**kind, **headers})


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("format", ["jsonl", "csv", "argilla", "label-studio"])
def test_a_download_is_an_attachment_that_no_browser_shows(app: FastAPI, desk: Desk, format: str) -> None:
    answer = sent(app, desk, "GET", f"export?format={format}&what=tasks")
    assert answer.status == 200
    assert HOSTILE.encode() in answer.body
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith(f'attachment; filename="tasks-{format}.')
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.body.count(b"task_") == 4


def test_what_a_lead_may_not_see_yet_is_not_in_the_file(app: FastAPI, desk: Desk, run: RunStore) -> None:
    items = list(run.review_items(1))
    vote(run, items[0].id, "leo", "same")
    vote(run, items[1].id, "ana", "same")
    answer = sent(app, desk, "GET", "export?format=csv")
    assert items[0].comparison_id.encode() not in answer.body
    assert items[1].comparison_id.encode() in answer.body
    assert answer.headers["x-withheld"] == "1"
    assert sent(app, desk, "GET", "export?format=trl&what=tasks").status == 422


@pytest.mark.usefixtures("run")
def test_a_file_goes_out_and_comes_back_answered_once(app: FastAPI, desk: Desk) -> None:
    lines = sent(app, desk, "GET", "export?format=jsonl&what=tasks").body.decode().splitlines()
    tasks = [json.loads(line) for line in lines[1:]]
    content = "\n".join(json.dumps({**task, "choice": "same"}) for task in tasks)
    body = {"format": "jsonl", "content": content, "reviewer": "ana"}
    first = sent(app, desk, "POST", "import", body, **{"Idempotency-Key": "k"})
    assert (first.status, json.loads(first.body)) == (
        201,
        {"added": 4, "counted": 4, "present": 0, "unanswered": 0},
    )
    again = sent(app, desk, "POST", "import", body, **{"Idempotency-Key": "k"})
    assert (again.body, again.headers["idempotent-replayed"]) == (first.body, "true")
    assert json.loads(sent(app, desk, "POST", "import", body).body)["present"] == 4
    entries = [(one.actor, one.action, one.detail) for one in desk.journal.entries()]
    assert ("leo", "labels.import", {"format": "jsonl", "added": 4}) in entries
    assert ("leo", "labels.export", {"format": "jsonl", "what": "tasks"}) in entries


def test_a_file_with_a_fault_is_refused_whole_and_row_by_row(app: FastAPI, desk: Desk, run: RunStore) -> None:
    lines = sent(app, desk, "GET", "export?format=jsonl&what=tasks").body.decode().splitlines()
    good, bad = (json.dumps({**json.loads(lines[1]), "choice": choice}) for choice in ("same", "lft"))
    body = {"format": "jsonl", "content": f"{good}\n{bad}", "reviewer": "ana"}
    answer = sent(app, desk, "POST", "import", body)
    problem = json.loads(answer.body)
    assert (answer.status, problem["type"]) == (422, "urn:rlaif:problem:bad-file")
    (fault,) = problem["errors"]
    assert fault["where"] == "line 2"
    assert fault["message"].startswith("'lft' is not an answer; the answers are left_much_better")
    assert not [label for item in run.review_items(1) for label in run.label_history(item.id)]
    entries = [one.action for one in desk.journal.entries()]
    assert "labels.import" not in entries


@pytest.mark.usefixtures("run")
def test_a_file_that_is_too_large_is_refused(app: FastAPI, desk: Desk) -> None:
    body = {"format": "jsonl", "content": "x" * (1024 * 1024 + 1), "reviewer": "ana"}
    assert sent(app, desk, "POST", "import", body).status == 413
