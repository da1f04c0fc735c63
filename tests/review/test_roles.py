"""Who may do what: every route of the application against every kind of visitor, drawn from the routes themselves."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi import FastAPI

from review.accounts.desk import Desk
from review.accounts.identity import SAFE
from review.accounts.journal import Actor
from review.accounts.roles import ROLES, SCOPES, Role, Scope, covers
from review.accounts.roster import Account
from review.accounts.sessions import LIFETIME
from review.web.app import create_app
from store.records import Run
from store.store import Store
from tests.review.direct import Answer, Route, ask, routes
from tests.review.front_desk import Clock
from tests.review.serving import NAMES, PASSWORD, desk_with_accounts

OPEN = {
    "/healthz", "/readyz",  # asked by machines that have no account; they tell nothing
    "/api/v1/openapi.json",  # the same for everybody, and told without looking anything up
}  # fmt: skip
"""Routes that declare nobody, on purpose."""
FOR_ANYONE = {
    "/static/{version}/{name}", "/login", "/join/{secret}", "/language"
}  # fmt: skip
"""Routes that declare that anyone may use them."""


LOWEST: dict[str, Role] = {
    "/accounts": "admin",
    "/audit-log": "admin",
    "/runs": "lead",
    "/decisions": "lead",
    "/exchange": "lead",
    "/review/{run}/batches/{batch}/override": "lead",
    "/api/v1/runs/{run}/decisions": "lead",
    "/api/v1/runs/{run}/effects": "lead",
    "/api/v1/runs/{run}/estimates": "lead",
    "/api/v1/runs/{run}/labels": "lead",
    "/api/v1/runs/{run}/lanes": "lead",
    "/api/v1/runs/{run}/overrides": "lead",
    "/api/v1/runs/{run}/rounds": "lead",
    "/api/v1/run-requests": "lead",
}
"""By hand: what nobody below a role may ever be let to, whatever a route below declares."""


@pytest.fixture
def desk(store: Store, clock: Clock) -> Desk:
    return desk_with_accounts(store, clock)


@pytest.fixture
def app(store: Store, desk: Desk) -> FastAPI:
    """With a run of the name that every path is filled with, so that routes get as far as their work."""
    store.create_run(Run(name="1", seed=0, config_hash="h", config={}))
    return create_app(store, desk=desk)


def refused(answer: Answer) -> bool:
    """Whether somebody was turned away for who they are."""
    to_login = answer.status == 303 and answer.headers["location"].startswith("/login")
    logged_out = "set-cookie" in answer.headers
    return answer.status in (401, 403) or (to_login and not logged_out)


def role_of(route: Route) -> Role | None:
    """What a route asks for: of several declarations the highest, since all must hold."""
    roles = [declared.role for declared in route.declared if declared.role is not None]
    return max(roles, key=ROLES.index) if roles else None


def needed_scope(route: Route) -> Scope | None:
    """The scope that opens a route to a token; None where no token does. Said here once more, by hand."""
    role = role_of(route)
    if any(declared.in_person for declared in route.declared):
        return None
    if role == "admin":
        return "admin"
    if route.method in SAFE:
        return "read"
    return "review" if role == "reviewer" else "lead"


def test_every_route_declares_who_may_use_it(app: FastAPI) -> None:
    found = list(routes(app))
    assert len(found) > 20
    undeclared = {route.pattern for route in found if not route.declared}
    assert undeclared - OPEN == set(), "declare Reviewer, Lead, Admin, OwnAccount, AdminInPerson or Anyone"
    anyone = {route.pattern for route in found if route.declared and role_of(route) is None}
    assert anyone - FOR_ANYONE == set(), "a route for anyone is named here, so that it is so on purpose"


def test_nothing_of_leads_and_admins_is_declared_for_less(app: FastAPI) -> None:
    below = {
        (route.method, route.pattern): role_of(route)
        for route in routes(app)
        for prefix, lowest in LOWEST.items()
        if route.pattern == prefix or route.pattern.startswith(f"{prefix}/")
        if (role := role_of(route)) is None or not covers(role, lowest)
    }
    assert below == {}


def test_a_route_that_declares_nobody_would_be_found(app: FastAPI) -> None:
    @app.get("/forgotten/{id}")
    def forgotten(id: str) -> str:
        return id

    undeclared = [route for route in routes(app) if not route.declared and route.pattern not in OPEN]
    assert [(route.method, route.pattern, route.path) for route in undeclared] == [
        ("GET", "/forgotten/{id}", "/forgotten/1")
    ]


def test_each_role_gets_in_where_its_role_is_declared_and_nowhere_else(app: FastAPI, desk: Desk) -> None:
    wrong = []
    asked = 0
    for route in routes(app):
        needed = role_of(route)
        if needed is None:
            continue
        for who in (None, *ROLES):
            session = _session(desk, who) if who else None
            answer = ask(app, route.method, route.path, session=session)
            asked += 1
            if refused(answer) == (who is not None and covers(who, needed)):
                wrong.append((route.method, route.pattern, who, answer.status))
            if answer.status >= 500:
                wrong.append((route.method, route.pattern, who, answer.status))
    assert wrong == []
    assert asked > 60


def test_a_token_opens_what_its_scope_is_for_and_nothing_above_its_owner(app: FastAPI, desk: Desk) -> None:
    owners = {role: _named(desk, role) for role in ROLES}
    tokens = {
        (role, scope): desk.tokens.make(owners[role], scope, [scope], timedelta(days=1), Actor("a test"))[1]
        for role in ROLES
        for scope in SCOPES
    }
    wrong = []
    for route in routes(app):
        needed = role_of(route)
        if needed is None:
            continue
        for (role, scope), token in tokens.items():
            opens = covers(role, needed) and scope == needed_scope(route)
            answer = ask(app, route.method, route.path, token=token)
            if refused(answer) == opens:
                wrong.append((route.method, route.pattern, role, scope, answer.status))
        if not refused(ask(app, route.method, route.path, token="rlaif_" + "x" * 43)):
            wrong.append((route.method, route.pattern, "nobody", "an invented token", 0))
    assert wrong == []


@pytest.mark.parametrize(
    "forge",
    [
        lambda app, route, session: ask(app, route.method, route.path, session=session, csrf=False),
        lambda app, route, session: ask(
            app, route.method, route.path, session=session, headers={"X-CSRF-Token": "f" * 64}
        ),
        lambda app, route, session: ask(
            app, route.method, route.path, session=session, csrf=False, form={"csrf": "f" * 64}
        ),
        lambda app, route, session: ask(
            app, route.method, route.path, session=session, headers={"Sec-Fetch-Site": "cross-site"}
        ),
        lambda app, route, session: ask(
            app, route.method, route.path, session=session, headers={"Sec-Fetch-Site": "same-site"}
        ),
        lambda app, route, session: ask(
            app, route.method, route.path, session=session, headers={"Sec-Fetch-Site": "", "Origin": "http://evil.test"}
        ),
        lambda app, route, session: ask(
            app, route.method, route.path, session=session, headers={"Sec-Fetch-Site": "", "Origin": "null"}
        ),
    ],
    ids=["no token", "another token", "another token in a form", "another site", "a neighbour", "origin", "no origin"],
)  # fmt: skip
def test_no_change_is_made_for_another_sites_page(
    app: FastAPI, desk: Desk, forge: Callable[[FastAPI, Route, str], Answer]
) -> None:
    session = _session(desk, "admin")
    unsafe = [route for route in routes(app) if route.method not in SAFE and role_of(route) is not None]
    assert len(unsafe) > 10
    let_in = [route.pattern for route in unsafe if forge(app, route, session).status != 403]
    assert let_in == []
    assert desk.sessions.find(session) is not None, "not even logged out"


@pytest.mark.parametrize("path", ["/login", "/join/1", "/language"])
@pytest.mark.parametrize(
    "sent", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.test", "Sec-Fetch-Site": ""}]
)
def test_nobody_is_logged_in_by_another_sites_page(
    app: FastAPI, desk: Desk, path: str, sent: dict[str, str]
) -> None:
    form = {"name": "rita", "password": PASSWORD, "locale": "zh_Hant"}
    answer = ask(app, "POST", path, form=form, headers=sent)
    assert (answer.status, "set-cookie" in answer.headers) == (403, False)
    assert desk.journal.entries(action="login") == []


def _stale(desk: Desk, clock: Clock) -> dict[str, dict[str, str]]:
    """What once let an admin in, and is of no use any more; by why."""
    ada, by = _named(desk, "admin"), Actor("ada")
    gone = desk.roster.add("gone", "admin", ada.password_hash, by)
    changed = desk.roster.add("changed", "lead", ada.password_hash, by)

    def session(account: Account) -> str:
        return desk.sessions.begin(account.id, "192.0.2.1", "a test")[1]

    def token(account: Account, days: int = 300) -> str:
        return desk.tokens.make(account, "t", list(SCOPES), timedelta(days=days), by)[1]

    aged, idle, late = session(ada), session(ada), token(ada, 1)
    for _ in range(int(LIFETIME / timedelta(hours=6))):
        clock.turn(hours=6)
        desk.sessions.find(aged)  # in use all the time
    ended, revoked = session(ada), token(ada)
    disabled, disabled_token = session(gone), token(gone)
    before = session(changed)
    found, made = desk.sessions.find(ended), desk.tokens.find(revoked)
    assert found is not None
    assert made is not None
    desk.end_sessions(ada.id, by, only=found[0].id)
    desk.tokens.revoke(ada.id, by, only=made[0].id)
    desk.disable(gone.id, by)
    desk.set_role(changed.id, "admin", by)
    return {
        "a session left idle": {"session": idle},
        "a session too old": {"session": aged},
        "a session ended": {"session": ended},
        "a session from before a change of role": {"session": before},
        "a session of a disabled account": {"session": disabled},
        "a session of nobody": {"session": "x" * 43},
        "an expired token": {"token": late},
        "a revoked token": {"token": revoked},
        "a token of a disabled account": {"token": disabled_token},
    }


def test_what_once_let_somebody_in_opens_nothing_when_it_is_over(
    app: FastAPI, desk: Desk, clock: Clock
) -> None:
    stale = _stale(desk, clock)
    wrong = []
    for route in routes(app):
        if role_of(route) is None:
            continue
        expected = 401 if route.pattern.startswith("/api/") else 303
        for why, shown in stale.items():
            answer = ask(app, route.method, route.path, **shown)  # type: ignore[arg-type]
            if not refused(answer) or answer.status != expected:
                wrong.append((route.method, route.pattern, why, answer.status))
    assert wrong == []


def test_a_useless_token_is_not_made_up_for_by_a_cookie(app: FastAPI, desk: Desk) -> None:
    session = _session(desk, "admin")
    assert ask(app, "GET", "/api/v1/runs", session=session).status == 200
    both = ask(app, "GET", "/api/v1/runs", session=session, headers={"Authorization": "Bearer rlaif_wrong"})
    assert both.status == 401


def test_a_session_is_no_use_to_another_csrf_token(app: FastAPI, desk: Desk) -> None:
    ours, theirs = _session(desk, "lead"), _session(desk, "lead")
    csrf = ask(app, "GET", "/account", session=theirs).body.split(b'name="csrf" content="')[1][:64]
    asked = ask(app, "POST", "/logout", session=ours, csrf=False, form={"csrf": csrf.decode()})
    assert asked.status == 403
    own = ask(app, "POST", "/logout", session=theirs, csrf=False, form={"csrf": csrf.decode()})
    assert own.status == 303


def _named(desk: Desk, role: Role) -> Account:
    account = desk.roster.named(NAMES[role])
    assert account is not None
    return account


def _session(desk: Desk, role: Role) -> str:
    return desk.sessions.begin(_named(desk, role).id, "192.0.2.1", "a test")[1]
