"""Who may do what: every route of the application against every kind of visitor, drawn from the routes themselves."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi import FastAPI

from review.accounts.desk import Desk
from review.accounts.identity import SAFE
from review.accounts.journal import Actor
from review.accounts.roles import ROLES, SCOPES, Role, Scope, covers
from review.web.app import create_app
from store.store import Store
from tests.review.direct import Answer, Route, ask, routes
from tests.review.serving import NAMES, desk_with_accounts

OPEN = {
    "/healthz", "/readyz",  # asked by machines that have no account; they tell nothing
    "/api/v1/openapi.json",  # the same for everybody, and told without looking anything up
}  # fmt: skip
"""Routes that declare nobody, on purpose."""
FOR_ANYONE = {
    "/static/{version}/{name}", "/login", "/join/{secret}", "/language"
}  # fmt: skip
"""Routes that declare that anyone may use them."""


@pytest.fixture
def desk(store: Store) -> Desk:
    return desk_with_accounts(store)


@pytest.fixture
def app(store: Store, desk: Desk) -> FastAPI:
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


def test_a_session_is_no_use_to_another_csrf_token(app: FastAPI, desk: Desk) -> None:
    ours, theirs = _session(desk, "lead"), _session(desk, "lead")
    csrf = ask(app, "GET", "/account", session=theirs).body.split(b'name="csrf" content="')[1][:64]
    asked = ask(app, "POST", "/logout", session=ours, csrf=False, form={"csrf": csrf.decode()})
    assert asked.status == 403
    own = ask(app, "POST", "/logout", session=theirs, csrf=False, form={"csrf": csrf.decode()})
    assert own.status == 303


def _named(desk: Desk, role: Role):  # type: ignore[no-untyped-def]
    account = desk.roster.named(NAMES[role])
    assert account is not None
    return account


def _session(desk: Desk, role: Role) -> str:
    return desk.sessions.begin(_named(desk, role).id, "192.0.2.1", "a test")[1]
