"""The API as a program uses it, over a real connection: pages, ETags, keys, refusals, blindness."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest

from review.accounts.journal import Actor
from review.accounts.roles import Role, Scope
from review.api.limits import MAX_BODY
from store.run import RunStore
from tests.review.questions_for_review import JUDGED, plain, review_run
from tests.review.serving import Served

RUN = "/api/v1/runs/desk"
PROBLEM = "application/problem+json"


def with_token(served: Served, role: Role, *scopes: Scope) -> httpx.Client:
    account = served.account(role)
    token = served.desk.tokens.make(account, "test", scopes, timedelta(days=1), Actor(account.name))[1]
    client = served.client()
    client.headers = httpx.Headers({"Authorization": f"Bearer {token}"})
    return client


@pytest.fixture(autouse=True)
def run(served: Served) -> RunStore:
    return review_run(served.store, plain(12), batch=2)


@pytest.fixture
def reviewer(served: Served) -> httpx.Client:
    return with_token(served, "reviewer", "read", "review")


@pytest.fixture
def lead(served: Served) -> httpx.Client:
    return with_token(served, "lead", "read", "review", "lead")


def claimed(client: httpx.Client, count: int = 1) -> list[str]:
    answer = client.post(f"{RUN}/claims", json={"count": count})
    assert answer.status_code == 200
    return [item["item_id"] for item in answer.json()["items"]]


def voted(client: httpx.Client, item: str, choice: str = "left_better", key: str = "") -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(f"{RUN}/votes", json={"item_id": item, "choice": choice}, headers=headers)


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/api/nothing", {}, 404),
        ("GET", "/api/v1/runs/other/queue", {}, 404),
        ("PATCH", RUN, {}, 405),
        ("POST", f"{RUN}/votes", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 422),
        ("POST", f"{RUN}/votes", {"json": {"choice": "left"}}, 422),
        ("POST", f"{RUN}/votes", {"json": {"item_id": "itm_0", "choice": "same"}}, 404),
        ("POST", f"{RUN}/votes", {"content": b" " * (MAX_BODY + 1)}, 413),
        ("POST", f"{RUN}/undo", {"json": {}}, 409),
        ("GET", f"{RUN}/votes?cursor=abc", {}, 422),
        ("GET", f"{RUN}/decisions", {}, 403),
    ],
)
def test_every_refusal_is_a_problem(
    reviewer: httpx.Client, method: str, path: str, sent: dict[str, object], status: int
) -> None:
    answer = reviewer.request(method, path, **sent)  # type: ignore[arg-type]
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    told = answer.json()
    assert told["status"] == status
    assert told["title"]


def test_a_token_does_what_its_scopes_say_and_no_token_nothing(served: Served) -> None:
    reading = with_token(served, "lead", "read")
    assert reading.get(f"{RUN}/decisions").status_code == 200
    assert reading.post(f"{RUN}/claims", json={}).status_code == 403
    stranger = served.client()
    refused = stranger.get(f"{RUN}/queue")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    stranger.headers["Authorization"] = "Bearer rlaif_nothing"
    assert stranger.get(f"{RUN}/queue").status_code == 401


def test_pages_go_on_by_cursor_and_a_cursor_is_of_one_list(reviewer: httpx.Client) -> None:
    items = claimed(reviewer, 5)
    for item in items:
        assert voted(reviewer, item).status_code == 201
    found, cursor = [], None
    while True:
        page = reviewer.get(
            f"{RUN}/votes", params={"limit": 2, **({"cursor": cursor} if cursor else {})}
        ).json()
        assert len(page["items"]) <= 2
        found += [one["item_id"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = page["next"]
    assert found == items
    foreign = reviewer.get("/api/v1/runs", params={"cursor": cursor})
    assert (foreign.status_code, foreign.json()["type"]) == (422, "urn:rlaif:problem:cursor")


def test_a_read_that_has_not_changed_is_not_sent_again(reviewer: httpx.Client) -> None:
    first = reviewer.get(f"{RUN}/queue")
    known = {"If-None-Match": first.headers["etag"]}
    again = reviewer.get(f"{RUN}/queue", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    voted(reviewer, claimed(reviewer)[0])
    assert reviewer.get(f"{RUN}/queue", headers=known).status_code == 200


def test_an_edit_names_what_it_was_made_from(lead: httpx.Client) -> None:
    items = claimed(lead, 2)
    for item in items:
        voted(lead, item)
    batch = lead.post(f"{RUN}/batches/1/reveal", json={}).json()
    at = f"{RUN}/overrides/{batch['votes'][0]['comparison_id']}"
    tag = lead.get(at).headers["etag"]
    said = {"value": "same", "reason": "Both say it."}
    assert lead.put(at, json=said).status_code == 428
    assert lead.put(at, json=said, headers={"If-Match": '"other"'}).status_code == 412
    edited = lead.put(at, json=said, headers={"If-Match": tag})
    assert (edited.status_code, edited.json()["override"]["value"]) == (200, "same")
    assert lead.put(at, json={"value": "worse"}, headers={"If-Match": tag}).status_code == 412
    assert lead.get(at).headers["etag"] == edited.headers["etag"]


def test_a_key_stands_for_one_request_in_whatever_race(served: Served, reviewer: httpx.Client) -> None:
    item = claimed(reviewer)[0]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: voted(reviewer, item, key="once"), range(16)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert served.store.run("desk").vote_count("rita") == 1
    other = voted(reviewer, item, "right_better", key="once")
    assert (other.status_code, other.json()["type"]) == (422, "urn:rlaif:problem:idempotency-key-reused")


def test_nothing_the_judge_said_is_told_before_the_reveal(reviewer: httpx.Client, lead: httpx.Client) -> None:
    told = reviewer.post(f"{RUN}/claims", json={"count": 2, "render": True})
    items = [item["item_id"] for item in told.json()["items"]]
    answers = [told, *(voted(reviewer, item) for item in items), reviewer.get(f"{RUN}/queue")]
    answers += [lead.get(f"{RUN}/{what}") for what in ("decisions", "labels", "effects", "lanes")]
    comparison = lead.get(f"{RUN}/decisions/cmp_unknown")
    for answer in answers:
        assert str(JUDGED) not in answer.text
        assert "secret-policy" not in answer.text
        assert "why in one line" not in answer.text
    assert comparison.status_code == 404
    shown = reviewer.post(f"{RUN}/batches/1/reveal", json={}).json()["votes"]
    assert {round(vote["verdicts"][0]["p_left"], 4) for vote in shown} <= {JUDGED, round(1 - JUDGED, 4)}
    seen = {vote["comparison_id"] for vote in shown}
    hidden = lead.get(f"{RUN}/decisions/{shown[0]['comparison_id']}")
    assert len(seen) == 2
    assert hidden.status_code == 200  # all that asked for an answer has one, and this lead gave none


def test_a_withheld_decision_is_refused_until_it_is_asked_for(served: Served, lead: httpx.Client) -> None:
    item = next(iter(served.store.run("desk").review_items(1)))
    at = f"{RUN}/decisions/{item.comparison_id}"
    refused = lead.get(at)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:rlaif:problem:withheld")
    assert lead.post(f"{at}/unblind", json={}).json()["verdicts"][0]["p_first"] == JUDGED
    assert lead.get(at).status_code == 200
    assert item.id not in claimed(lead, 20)


def test_a_change_by_cookie_needs_the_sessions_token(served: Served) -> None:
    page = served.client("rita")
    assert page.post(f"{RUN}/claims", json={}).status_code == 200
    del page.headers["X-CSRF-Token"]
    refused = page.post(f"{RUN}/claims", json={})
    assert (refused.status_code, refused.headers["content-type"]) == (403, PROBLEM)


def test_what_a_model_wrote_comes_as_json_whatever_it_is(served: Served) -> None:
    hostile = "\ud800 \u202e <script>alert(1)</script> \x00"
    review_run(served.store, [("Say it.", hostile, "no")], "odd")
    client = with_token(served, "reviewer", "read", "review")
    answer = client.post("/api/v1/runs/odd/claims", json={"render": True})
    (item,) = answer.json()["items"]
    assert hostile in (item["left"]["text"], item["right"]["text"])
    assert answer.content.isascii()
    assert "<script>" not in item["left"]["html"] + item["right"]["html"]
