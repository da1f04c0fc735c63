"""What somebody would try who wants in, or wants somebody else's session, and what must come of it."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote, urlsplit

import pytest
from fastapi import FastAPI

from review.accounts.desk import Desk
from review.accounts.identity import COOKIES
from review.accounts.journal import Actor
from review.web import guard
from review.web.app import create_app
from review.web.patience import PatientProtocol
from store.store import Store
from tests.review.direct import SITE, ask
from tests.review.front_desk import Clock
from tests.review.serving import PASSWORD, Served, desk_with_accounts, serving

ADA = Actor("ada")
NEW = "four loud violet herons"
FORM = {"name": "rita", "password": PASSWORD}


@pytest.fixture
def desk(store: Store) -> Desk:
    return desk_with_accounts(store)


@pytest.fixture
def app(store: Store, desk: Desk) -> FastAPI:
    return create_app(store, desk=desk)


def session(desk: Desk, name: str) -> str:
    account = desk.roster.named(name)
    assert account is not None
    return desk.sessions.begin(account.id, "192.0.2.1", "a test")[1]


def test_a_session_planted_before_the_login_is_not_the_one_after_it(app: FastAPI, desk: Desk) -> None:
    planted = ask(app, "POST", "/login", session="planted" * 6, form=FORM)
    assert planted.cookies[COOKIES[False]].value != "planted" * 6
    attackers = session(desk, "leo")
    entered = ask(app, "POST", "/login", session=attackers, form=FORM)
    made = entered.cookies[COOKIES[False]].value
    found = desk.sessions.find(made)
    assert found is not None
    assert (found[1].name, made != attackers) == ("rita", True)
    assert desk.sessions.find(attackers) is None, "who logs in leaves what was there before"
    another, link = session(desk, "leo"), desk.invite("reviewer", ADA)
    joined = ask(app, "POST", f"/join/{link}", session=another, form={"name": "mina", "password": NEW})
    found = desk.sessions.find(joined.cookies[COOKIES[False]].value)
    assert found is not None
    assert (found[1].name, desk.sessions.find(another)) == ("mina", None)


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.test/", "//evil.test", "/\\evil.test", "\\\\evil.test", "/\t/evil.test", "/\n//evil.test",
        "evil.test", "javascript:alert(1)", " //evil.test", "/%0d%0aSet-Cookie: a=b", "/\r\nSet-Cookie: a=b",
        "/\u2028x", "",
    ],
)  # fmt: skip
def test_nobody_is_sent_to_another_site_after_the_login(app: FastAPI, desk: Desk, target: str) -> None:
    entered = ask(app, "POST", "/login", form={**FORM, "next": target})
    already = ask(app, "GET", f"/login?next={quote(target)}", session=session(desk, "rita"))
    spoken = ask(app, "POST", "/language", form={"locale": "en", "next": target})
    for answer in (entered, already, spoken):
        assert answer.status == 303
        location = answer.headers["location"]
        assert location.startswith("/")
        assert not location.startswith(("//", "/\\"))
        assert not set(location) & set("\r\n\t")
        assert all("a=b" not in cookie for cookie in answer.headers.getlist("set-cookie"))
    page = ask(app, "GET", f"/login?next={quote(target)}").body.decode()
    assert 'value="https:' not in page


def test_the_language_of_a_browser_is_one_of_ours(app: FastAPI) -> None:
    for locale in ("zh_Hant\r\nSet-Cookie: a=b", "xx", "zh_Hant; Domain=evil.test"):
        answer = ask(app, "POST", "/language", form={"locale": locale, "next": "/login"})
        assert (answer.status, "set-cookie" in answer.headers) == (303, False)
    chosen = ask(app, "POST", "/language", form={"locale": "zh_Hant", "next": "/login"})
    assert chosen.cookies["rlaif_locale"].value == "zh_Hant"


def test_a_host_of_somebody_else_never_reaches_a_link(app: FastAPI, desk: Desk) -> None:
    ada = session(desk, "ada")
    for headers in ({"Host": "evil.test"}, {"Host": "127.0.0.1:8000", "X-Forwarded-Host": "evil.test"}):
        sent = {**headers, "Origin": SITE}
        answer = ask(app, "POST", "/accounts/invite", session=ada, form={"role": "lead"}, headers=sent)
        assert b"evil.test" not in answer.body
    assert b"/join/" in answer.body


def test_nobody_makes_more_of_a_form_than_it_is_for(app: FastAPI, desk: Desk) -> None:
    link = desk.invite("reviewer", ADA)
    more = {"role": "admin", "link_role": "admin", "account_id": "acc_1", "disabled_at": "", "id": "acc_1"}
    made = ask(app, "POST", f"/join/{link}?role=admin", form={"name": "mallory", "password": NEW, **more})
    assert made.status == 303
    mallory = desk.roster.named("mallory")
    assert mallory is not None
    assert mallory.role == "reviewer"
    reset = desk.reset(mallory.id, ADA)
    ask(app, "POST", f"/join/{reset}", form={"name": "ada", "password": NEW, **more})
    ada = desk.roster.named("ada")
    assert ada is not None
    assert desk.passwords.fits(PASSWORD, ada.password_hash), (
        "a link is for one account, whatever the form says"
    )
    own = session(desk, "mallory")
    changed = ask(
        app,
        "POST",
        "/account/appearance",
        session=own,
        form={"locale": "en", "theme": "dark", "role": "admin"},
    )
    assert changed.status == 303
    mallory = desk.roster.named("mallory")
    assert mallory is not None
    assert (mallory.role, mallory.preferences) == ("reviewer", {"locale": "en", "theme": "dark"})


def test_a_token_never_gets_a_scope_that_its_owner_has_not(app: FastAPI, desk: Desk) -> None:
    form = {"name": "mine", "days": "30", "scopes": "admin"}
    assert ask(app, "POST", "/account/tokens", session=session(desk, "rita"), form=form).status == 422
    rita = desk.roster.named("rita")
    assert rita is not None
    assert desk.tokens.usable(rita.id) == []


def test_a_token_is_shown_once_and_never_in_an_address(app: FastAPI, desk: Desk) -> None:
    rita = session(desk, "rita")
    made = ask(
        app, "POST", "/account/tokens", session=rita, form={"name": "mine", "days": "30", "scopes": "read"}
    )
    assert made.status == 201
    secret = made.body.split(b'class="secret">')[1].split(b"<")[0].decode()
    assert ask(app, "GET", "/api/v1/runs", token=secret).status == 200
    again = ask(app, "GET", "/account", session=rita)
    assert secret.encode() not in again.body
    assert ask(app, "GET", f"/api/v1/runs?access_token={secret}&token={secret}").status == 401


@pytest.mark.parametrize("theirs", ["session", "token"])
def test_nobody_ends_what_is_anothers(app: FastAPI, desk: Desk, theirs: str) -> None:
    leo = desk.roster.named("leo")
    assert leo is not None
    leos = session(desk, "leo")
    made, secret = desk.tokens.make(leo, "t", ["read"], timedelta(days=1), Actor("leo"))
    (running,) = desk.sessions.running(leo.id)
    rita = session(desk, "rita")
    if theirs == "session":
        ask(app, "POST", "/account/sessions/end", session=rita, form={"session": running.id})
    else:
        ask(app, "POST", "/account/tokens/revoke", session=rita, form={"token": made.id})
    assert desk.sessions.find(leos) is not None
    assert desk.tokens.find(secret) is not None


def test_who_logs_out_everywhere_is_logged_in_nowhere(app: FastAPI, desk: Desk) -> None:
    here, there = session(desk, "rita"), session(desk, "rita")
    others = ask(app, "POST", "/account/sessions/end", session=here)
    assert others.headers["location"].startswith("/account")
    assert (desk.sessions.find(here) is None, desk.sessions.find(there) is None) == (False, True)
    gone = ask(app, "POST", "/account/sessions/end", session=here, form={"everywhere": "true"})
    assert gone.headers["location"] == "/login"
    assert gone.cookies[COOKIES[False]].value == ""
    assert desk.sessions.find(here) is None


def test_a_new_password_moves_this_browser_to_a_new_session(app: FastAPI, desk: Desk) -> None:
    before = session(desk, "rita")
    form = {"old": PASSWORD, "new": NEW}
    after = ask(app, "POST", "/account/password", session=before, form=form).cookies[COOKIES[False]].value
    assert desk.sessions.find(before) is None
    assert desk.sessions.find(after) is not None


def test_a_wrong_name_and_a_wrong_password_are_told_alike(app: FastAPI, desk: Desk) -> None:
    rita = desk.roster.named("rita")
    assert rita is not None
    said = {}
    for name in ("rita", "nobody", "a\x00b", "x" * 900, "leo"):
        if name == "leo":
            desk.disable(desk.roster.named("leo").id, ADA)  # type: ignore[union-attr]
        password = PASSWORD if name == "leo" else "wrong"
        answer = ask(app, "POST", "/login", form={"name": name, "password": password})
        said[answer.status, answer.body.replace(name.encode(), b"")] = name
    assert len(said) == 1, "an unknown, an impossible and a disabled account look as a wrong password does"


def test_what_runs_out_is_told_as_such_with_the_time_to_wait(app: FastAPI) -> None:
    answers = [ask(app, "POST", "/login", form={"name": "rita", "password": "wrong"}) for _ in range(6)]
    assert [answer.status for answer in answers] == [401] * 5 + [429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 900


def test_nobody_writes_into_the_audit_log_what_reads_otherwise(app: FastAPI, desk: Desk) -> None:
    form = {"name": "\u202ekcab <script>alert(1)</script>\nada", "days": "30", "scopes": "read"}
    assert ask(app, "POST", "/account/tokens", session=session(desk, "rita"), form=form).status == 201
    for path, who in (("/audit-log", "ada"), ("/account", "rita")):
        page = ask(app, "GET", path, session=session(desk, who)).body.decode()
        assert "⟨U+202E⟩kcab &lt;script&gt;" in page
        assert "\u202e" not in page


def test_a_neighbouring_ipv6_address_is_no_new_one(store: Store) -> None:
    attempts = Desk(store, Clock()).attempts
    for number in range(30):
        attempts.begin(f"name{number}", f"2001:db8::{number + 1:x}:{number:x}")
    with pytest.raises(Exception, match="Too many"):
        attempts.begin("another", "2001:db8::ffff")
    attempts.begin("another", "2001:db8:0:1::1")


@pytest.mark.parametrize(
    "path",
    ["/static/1/..%2f..%2fapp.py", "/static/../app.py", "/static/1/%2e%2e/app.py", "/static/1/..\\app.py",
     "/static/1//etc/passwd", "/static/1/site.css%00.js", "/static/1/.", "/static/%00/site.css"],
)  # fmt: skip
def test_static_files_are_those_of_one_folder(app: FastAPI, path: str) -> None:
    answer = ask(app, "GET", path.replace("%2f", "/").replace("%2e", ".").replace("%00", "\x00"))
    assert answer.status == 404 or answer.headers["content-type"].startswith("text/css")
    assert b"FastAPI" not in answer.body
    assert b"root:x:" not in answer.body


@pytest.mark.parametrize("value", ["a\x00b", "\ud800", "'", "%", "\u202e", "x" * 101])
def test_odd_values_are_an_answer_and_no_failure(app: FastAPI, desk: Desk, value: str) -> None:
    ada = session(desk, "ada")
    sent = quote(value, errors="surrogatepass")
    statuses = {ask(app, "GET", f"/audit-log?actor={sent}&action={sent}", session=ada).status}
    statuses.add(ask(app, "GET", f"/join/{sent}").status)
    fields = ("account", "link", "session", "token", "role", "name")
    body = "&".join(f"{name}={sent}" for name in fields).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in (
        "/accounts/disable",
        "/accounts/withdraw",
        "/account/sessions/end",
        "/account/tokens/revoke",
    ):
        statuses.add(ask(app, "POST", path, session=ada, body=body, headers=kind).status)
    token = f"name={sent}&days=30&scopes=read".encode()
    statuses.add(ask(app, "POST", "/account/tokens", session=ada, body=token, headers=kind).status)
    assert statuses <= {200, 201, 303, 404, 409, 410, 422}


def test_the_cookie_of_a_stranger_can_be_of_any_kind(app: FastAPI) -> None:
    for cookie in ("x" * 5000, "a\xe9", '"', ";;;=", "\x7f"):
        assert ask(app, "GET", "/account", headers={"Cookie": f"{COOKIES[False]}={cookie}"}).status == 303
        assert ask(app, "GET", "/account", headers={"Authorization": f"Bearer {cookie}"}).status == 303


@pytest.fixture
def impatient(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(PatientProtocol, "patience", 0.2)
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.2)
    with serving(store) as site:
        yield site


@pytest.mark.parametrize(
    "sent", [b"", b"GET /login HTT", b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: b"]
)
def test_who_never_ends_a_request_is_hung_up_on(impatient: Served, sent: bytes) -> None:
    assert _said(impatient, sent) == b""
    whole = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    assert _said(impatient, whole + (sent or b"G")).count(b"HTTP/1.1") == 1, "the same for a second one"


def test_who_never_ends_a_body_is_told_and_hung_up_on(impatient: Served) -> None:
    head = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n"
    kind = b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    assert _said(impatient, head + kind + b"name=").startswith(b"HTTP/1.1 408 ")


def _said(site: Served, sent: bytes) -> bytes:
    """All that comes back until the server hangs up."""
    address = urlsplit(site.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as line:
        line.sendall(sent)
        taken = b""
        while piece := line.recv(65536):
            taken += piece
    return taken


def test_what_one_database_takes_and_the_other_refuses_is_an_answer_on_both(both: Store) -> None:
    desk = desk_with_accounts(both)
    app = create_app(both, desk=desk)
    for value in ("a\x00b", "\ud800", "\uffff", "x" * 999):
        test_odd_values_are_an_answer_and_no_failure(app, desk, value)
    test_a_wrong_name_and_a_wrong_password_are_told_alike(app, desk)
