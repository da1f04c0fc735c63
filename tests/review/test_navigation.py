"""Where the head of a page leads: each role sees the places it may go to, and each of them is there."""

import re

import pytest
from fastapi import FastAPI

from review.accounts.desk import Desk
from review.accounts.roles import ROLES, Role, covers
from review.web.app import create_app
from review.web.login import HOME
from review.web.navigation import PLACES
from store.store import Store
from tests.review.direct import ask
from tests.review.serving import NAMES, desk_with_accounts

_LINK = re.compile(r'<a [^>]*href="(/[^"#]*)')


@pytest.fixture
def desk(store: Store) -> Desk:
    return desk_with_accounts(store)


@pytest.fixture
def app(store: Store, desk: Desk) -> FastAPI:
    return create_app(store, desk=desk)


def session(desk: Desk, role: Role) -> str:
    account = desk.roster.named(NAMES[role])
    assert account is not None
    return desk.sessions.begin(account.id, "192.0.2.1", "a test")[1]


@pytest.mark.parametrize("role", ROLES)
def test_every_link_of_the_pages_a_role_sees_leads_somewhere(app: FastAPI, desk: Desk, role: Role) -> None:
    secret = session(desk, role)
    waiting, seen = ["/", "/account"], {}
    while waiting:
        path = waiting.pop()
        answer = ask(app, "GET", path, session=secret)
        seen[path] = answer.status
        found = _LINK.findall(answer.body.decode()) if answer.status == 200 else []
        if answer.status == 303:
            found = [answer.headers["location"]]
        waiting += [link.replace("&amp;", "&") for link in found if link.replace("&amp;", "&") not in seen]
        assert len(seen) < 200, "pages of an empty store lead to each other without end"
    assert {path: status for path, status in seen.items() if status not in (200, 303)} == {}
    places = {place.path for place in PLACES if covers(role, place.role)}
    assert places <= set(seen)
    assert not ({place.path for place in PLACES} - places) & set(seen), "nobody is shown what is not for them"


def test_an_admin_finds_the_audit_log(app: FastAPI, desk: Desk) -> None:
    assert any(place.path == "/audit-log" and place.role == "admin" for place in PLACES)
    assert ask(app, "GET", "/audit-log", session=session(desk, "admin")).status == 200


@pytest.mark.parametrize("role", ROLES)
def test_every_role_has_a_place_to_begin(app: FastAPI, desk: Desk, role: Role) -> None:
    assert ask(app, "GET", HOME[role], session=session(desk, role)).status == 200


def test_the_present_place_is_marked_and_no_other(app: FastAPI, desk: Desk) -> None:
    page = ask(app, "GET", "/audit-log", session=session(desk, "admin")).body.decode()
    assert re.findall(r'href="([^"]*)" aria-current="page"', page) == ["/audit-log"]
