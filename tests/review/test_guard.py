"""What holds for every answer: headers, names of the server, sizes, and failures that tell nothing."""

import logging
import re

import pytest
from fastapi import FastAPI

from review.accounts.desk import Desk
from review.accounts.identity import Anyone
from review.accounts.journal import Actor
from review.web.app import create_app
from review.web.settings import ServeSettings
from store.errors import StoreBusy
from store.records import Run
from store.store import Store
from tests.review.direct import Answer, ask, routes
from tests.review.serving import NAMES, PASSWORD, desk_with_accounts

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture
def desk(store: Store) -> Desk:
    return desk_with_accounts(store)


@pytest.fixture
def app(store: Store, desk: Desk) -> FastAPI:
    """With routes that fail in several ways."""
    made = create_app(store, ServeSettings(max_request=2000), desk=desk)

    @made.get("/fails/{way}")
    def fails(way: str, _viewer: Anyone) -> str:
        if way == "busy":
            raise StoreBusy("sqlite:////secret/path: another process kept this database locked for 60 s.")
        raise RuntimeError("the secret path /etc/secret")

    @made.post("/sized")
    def sized(_viewer: Anyone, body: dict[str, str]) -> int:
        return len(body)

    return made


def guarded(answer: Answer) -> list[str]:
    """The headers that are missing or wrong."""
    policy = {
        part.split()[0]: part.split()[1:]
        for part in answer.headers.get("content-security-policy", "").split("; ")
        if part
    }
    wrong = [name for name, value in HEADERS.items() if answer.headers.get(name) != value]
    allowed = {source for sources in policy.values() for source in sources}
    if not allowed <= {"'self'", "'none'"} or policy.get("default-src") != ["'none'"]:
        wrong.append("content-security-policy")
    if policy.get("frame-ancestors") != ["'none'"] or policy.get("base-uri") != ["'none'"]:
        wrong.append("content-security-policy: frames or bases")
    if "cache-control" not in answer.headers:
        wrong.append("cache-control")
    if "server" in answer.headers:
        wrong.append("server")
    return wrong


def test_every_answer_of_every_route_is_guarded(app: FastAPI, desk: Desk) -> None:
    wrong = {}
    for route in routes(app):
        for who in (None, "admin"):
            session = _session(desk, who) if who else None
            answer = ask(app, route.method, route.path, session=session)
            if guarded(answer):
                wrong[route.method, route.pattern, answer.status] = guarded(answer)
            kept = answer.headers["cache-control"] not in ("no-store", "private, no-store")
            open_to_all = route.pattern.startswith(("/static", "/healthz", "/readyz", "/api/"))
            if who == "admin" and kept and not open_to_all:
                wrong[route.pattern, "cache"] = [answer.headers["cache-control"]]
    assert wrong == {}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing/here", 404),
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/static/1/nothing.js", 404),
        ("PATCH", "/login", 405),
        ("GET", "/audit-log?before=no", 422),
        ("GET", "/fails/always", 500),
        ("GET", "/fails/busy", 503),
        ("GET", "/login%00", 404),
        ("GET", "/../../etc/passwd", 404),
        ("TRACE", "/login", 405),
    ],
)
def test_refusals_and_failures_are_guarded_and_tell_nothing(
    app: FastAPI, desk: Desk, method: str, path: str, status: int
) -> None:
    answer = ask(app, method, path, session=_session(desk, "admin"))
    assert (answer.status, guarded(answer)) == (status, [])
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body
    kind = "application/problem+json" if path.startswith("/api/") else "text/html; charset=utf-8"
    assert answer.headers["content-type"] == kind


def test_who_is_logged_in_finds_the_way_from_an_error_page(app: FastAPI, desk: Desk) -> None:
    for path in ("/nothing/here", "/audit-log?before=no", "/fails/always"):
        assert b'href="/audit-log"' in ask(app, "GET", path, session=_session(desk, "admin")).body
        assert b'href="/audit-log"' not in ask(app, "GET", path).body


def test_what_failed_is_logged_under_the_number_that_the_page_names(
    app: FastAPI, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    session = _session(desk, "admin")
    with caplog.at_level(logging.ERROR):
        answer = ask(app, "GET", "/fails/always?password=hunter2", session=session)
    (record,) = caplog.records
    number = record.getMessage().split()[1].rstrip(":")
    assert number.encode() in answer.body
    assert "/fails/{way}" in record.getMessage()
    assert record.exc_info is not None
    told = logging.Formatter().format(record)
    assert "hunter2" not in told
    assert session not in told


@pytest.mark.parametrize(
    "host", ["evil.test", "127.0.0.1.evil.test", "", "localhost.evil.test:8000", "[::1", "a b"]
)
def test_a_name_that_is_not_ours_is_refused(app: FastAPI, host: str) -> None:
    answer = ask(app, "GET", "/login", headers={"Host": host})
    assert (answer.status, guarded(answer)) == (400, [])


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:9000", "127.0.0.1:8000", "[::1]:8000", "192.0.2.7:8000"]
)
def test_loopback_and_plain_addresses_are_ours(app: FastAPI, host: str) -> None:
    assert ask(app, "GET", "/login", headers={"Host": host}).status == 200


def test_configured_names_are_ours(store: Store, desk: Desk) -> None:
    settings = ServeSettings(base_url="https://review.example.org/", allowed_hosts=("other.example",))
    app = create_app(store, settings, desk=desk)
    for host in ("review.example.org", "Review.Example.Org:443", "other.example"):
        assert ask(app, "GET", "/login", headers={"Host": host}).status == 200
    assert ask(app, "GET", "/login", headers={"Host": "example.org"}).status == 400


def test_a_body_beyond_the_limit_is_refused_told_or_untold(app: FastAPI) -> None:
    body = b'{"a": "' + b"x" * 3000 + b'"}'
    told = ask(app, "POST", "/sized", body=body, headers={"Content-Type": "application/json"})
    assert (told.status, guarded(told)) == (413, [])
    untold = {"Content-Type": "application/json", "Content-Length": "", "Transfer-Encoding": "chunked"}
    assert ask(app, "POST", "/sized", body=body, headers=untold).status == 413
    wrong = {"Content-Type": "application/json", "Content-Length": "-5"}
    assert ask(app, "POST", "/sized", body=b'{"a": "b"}', headers=wrong).status == 413
    small = ask(app, "POST", "/sized", body=b'{"a": "b"}', headers={"Content-Type": "application/json"})
    assert (small.status, small.body) == (200, b"1")


def test_head_is_answered_as_get_is_without_the_body(app: FastAPI, desk: Desk) -> None:
    session = _session(desk, "admin")
    reads = [route for route in routes(app) if route.method == "GET"]
    assert len(reads) > 10
    wrong = {}
    for route in reads:
        got, head = (ask(app, method, route.path, session=session) for method in ("GET", "HEAD"))
        if (head.status, head.body, guarded(head)) != (got.status, b"", []) or sorted(head.headers) != sorted(
            got.headers
        ):
            wrong[route.pattern] = (got.status, head.status, len(head.body))
    assert wrong == {}
    assert ask(app, "HEAD", "/logout", session=session).status == 405


@pytest.mark.parametrize("secure", [False, True])
def test_the_session_cookie_is_as_strict_as_the_transport_allows(
    store: Store, desk: Desk, secure: bool
) -> None:
    settings = ServeSettings(base_url="https://review.example.org" if secure else None)
    app = create_app(store, settings, desk=desk)
    form = {"name": "rita", "password": PASSWORD}
    entered = ask(app, "POST", "/login", form=form)
    ((name, cookie),) = entered.cookies.items()
    assert name == ("__Host-rlaif" if secure else "rlaif_session")
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "lax", "/")
    assert bool(cookie["secure"]) == secure
    assert cookie["domain"] == ""
    assert 0 < int(cookie["max-age"]) <= 7 * 24 * 3600
    assert ("strict-transport-security" in entered.headers) == secure
    assert cookie.value.encode() not in entered.body


def test_static_files_are_kept_for_ever_under_their_own_version_only(app: FastAPI) -> None:
    page = ask(app, "GET", "/login").body.decode()
    path = page.split('rel="stylesheet" href="')[1].split('"')[0]
    current = ask(app, "GET", path)
    assert current.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert current.headers["content-type"] == "text/css; charset=utf-8"
    older = ask(app, "GET", "/static/0000/" + path.rsplit("/", 1)[1])
    assert (older.headers["cache-control"], older.body) == ("no-cache", current.body)
    assert ask(app, "GET", "/static/1/..%2Fapp.py").status == 404


def test_no_page_has_script_or_style_within(app: FastAPI, desk: Desk, store: Store) -> None:
    store.create_run(Run(name="1", seed=0, config_hash="h", config={}))
    session = _session(desk, "admin")
    paths = {route.path for route in routes(app) if route.method == "GET"}
    answers = {path: ask(app, "GET", path, session=session) for path in (*paths, "/nothing")}
    link = desk.invite("lead", Actor("ada"))
    answers |= {path: ask(app, "GET", path) for path in ("/login", f"/join/{link}", "/join/used")}
    pages = {
        path: a.body.decode() for path, a in answers.items() if "html" in a.headers.get("content-type", "")
    }
    assert len(pages) > 12
    for path, text in pages.items():
        assert "<style" not in text, path
        assert re.search(r"<[^>]*\s(style|on[a-z]+)=", text) is None, path
        data = r'(src="/static/|type="application/json")'
        assert all(re.search(data, tag.split(">")[0]) for tag in text.split("<script")[1:]), path
        assert re.findall(r'\s(?:href|src|action)="(?!/|#|\?)([^"]*)', text) == [], path


def _session(desk: Desk, role: str) -> str:
    account = desk.roster.named(NAMES[role])  # type: ignore[index]
    assert account is not None
    return desk.sessions.begin(account.id, "192.0.2.1", "a test")[1]
