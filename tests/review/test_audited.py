"""What leads and admins change is in the audit log, however they change it: once, with who, what and from where."""

import json
from typing import Any

import pytest
from fastapi import FastAPI

from review.accounts.desk import Desk
from review.accounts.journal import Actor, Entry
from review.queue import claim, vote
from review.reveals import reveal
from review.web.app import create_app
from store.run import RunStore
from store.store import Store
from tests.review.direct import Answer, ask
from tests.review.questions_for_review import plain, review_run
from tests.review.serving import desk_with_accounts


@pytest.fixture
def desk(store: Store) -> Desk:
    return desk_with_accounts(store)


@pytest.fixture
def app(store: Store, desk: Desk) -> FastAPI:
    return create_app(store, desk=desk)


@pytest.fixture
def run(store: Store) -> RunStore:
    return review_run(store, plain(2), batch=1)


def leos(desk: Desk) -> str:
    account = desk.roster.named("leo")
    assert account is not None
    return desk.sessions.begin(account.id, "192.0.2.1", "a test")[1]


def sent(app: FastAPI, desk: Desk, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    kind = {"Content-Type": "application/json"} if body is not None else {}
    data = json.dumps(body).encode() if body is not None else b""
    return ask(app, method, path, session=leos(desk), body=data, headers={**kind, **headers})


def written(desk: Desk) -> list[Entry]:
    return [entry for entry in desk.journal.entries() if entry.actor == "leo"]


def test_a_correction_and_a_look_by_the_api_are_written_down_once(
    app: FastAPI, desk: Desk, run: RunStore
) -> None:
    one = next(iter(run.comparisons(1, "train"))).id
    path = f"/api/v1/runs/{run.name}/decisions/{one}/unblind"
    assert sent(app, desk, "POST", path).status == 200
    body = {"comparison_id": one, "value": "better", "reason": "it is right"}
    for _ in range(2):
        said = sent(
            app, desk, "POST", f"/api/v1/runs/{run.name}/overrides", body, **{"Idempotency-Key": "k1"}
        )
        assert said.status == 201
    assert (
        sent(app, desk, "POST", f"/api/v1/runs/{run.name}/overrides", {**body, "value": "nonsense"}).status
        == 422
    )
    label = json.loads(said.body)["label_id"]
    correction, look = written(desk)
    assert (look.action, look.subject, look.detail) == ("comparison.unblind", one, {"run": "desk"})
    assert (correction.action, correction.subject) == ("comparison.override", one)
    assert correction.detail == {"run": "desk", "label": label}, "what was said of it is not for every reader"
    assert correction.address == "192.0.2.1"


def test_a_correction_out_of_a_batch_is_written_down(app: FastAPI, desk: Desk, run: RunStore) -> None:
    (question,) = claim(run, "leo").items
    vote(run, question.item_id, "leo", "left_better")
    reveal(run, "leo", 1)
    form = {"item_id": question.item_id, "choice": "right_better"}
    path = f"/review/{run.name}/batches/1/override"
    assert ask(app, "POST", path, session=leos(desk), form=form).status == 303
    (entry,) = written(desk)
    assert (entry.action, entry.detail["run"]) == ("comparison.override", "desk")


def test_a_run_that_is_asked_for_and_taken_back_is_written_down(
    app: FastAPI, desk: Desk, run: RunStore
) -> None:
    refused = sent(app, desk, "POST", "/api/v1/run-requests", {"source": "nothing", "name": "more"})
    assert refused.status == 404
    made = sent(app, desk, "POST", "/api/v1/run-requests", {"source": run.name, "name": "more"})
    assert made.status == 201
    number = json.loads(made.body)["id"]
    assert sent(app, desk, "DELETE", f"/api/v1/run-requests/{number}").status == 200
    assert sent(app, desk, "DELETE", f"/api/v1/run-requests/{number}").status == 409
    assert [(entry.action, entry.subject) for entry in written(desk)] == [
        ("run.withdraw", number),
        ("run.request", number),
    ]


def test_what_is_undone_leaves_no_row(desk: Desk, store: Store) -> None:
    with pytest.raises(RuntimeError, match="half-way"), store.database.together():  # noqa: PT012
        account = desk.roster.named("rita")
        assert account is not None
        desk.disable(account.id, Actor("ada"))
        raise RuntimeError("half-way")
    assert desk.journal.entries(action="account.disable") == []
