"""A real server of the pages over a real store, with an account of each role, for whoever tests a page.

`serving(store)` is a context manager; the fixtures `served`, `browser` and `page_as` (in `conftest.py`) are made of it:

    def test_something(page_as):                # marker browser
        page = page_as("reviewer")              # Playwright's Page, logged in, at the address of the site
        page.goto("/account")

    def test_another(served):
        client = served.client("lead")          # httpx, logged in, with the CSRF header
        assert client.get("/account").status_code == 200
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from review.accounts.desk import Desk
from review.accounts.identity import COOKIES, CSRF_HEADER
from review.accounts.journal import Actor
from review.accounts.passwords import Passwords
from review.accounts.roles import ROLES, Role
from review.accounts.roster import Account
from review.accounts.secret import derived
from review.web.app import create_app
from review.web.server import server
from review.web.settings import ServeSettings
from store.store import Store

PASSWORD = "seven wet umbrellas"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Real hashes that cost nothing: tests log in often."""
NAMES: dict[Role, str] = {"reviewer": "rita", "lead": "leo", "admin": "ada"}


def desk_with_accounts(store: Store, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Desk:
    """A desk with an account of each role (`NAMES`), all with the same password."""
    desk = Desk(store, clock, Passwords(CHEAP))
    hashed = desk.passwords.hash(PASSWORD)
    for role in ROLES:
        if desk.roster.named(NAMES[role]) is None:
            desk.roster.add(NAMES[role], role, hashed, Actor("operator"))
    return desk


@dataclass
class Served:
    """A running site. Roles stand for the account of that role; any account's name does as well."""

    url: str
    store: Store
    desk: Desk
    clients: list[httpx.Client] = field(default_factory=list)

    def account(self, who: str, role: Role = "reviewer") -> Account:
        """The account of a role or of this name, made where there is none."""
        name = NAMES.get(who, who)  # type: ignore[call-overload]
        found = self.desk.roster.named(name)
        return found or self.desk.roster.add(
            name, role, self.desk.passwords.hash(PASSWORD), Actor("operator")
        )

    def session(self, who: str) -> str:
        """The secret of a new session."""
        return self.desk.sessions.begin(self.account(who).id, "127.0.0.1", "a test")[1]

    def client(self, who: str | None = None) -> httpx.Client:
        """Logged in as `who`, with the header that lets it change things; None is nobody. Closed at the end."""
        client = httpx.Client(base_url=self.url, headers={"Origin": self.url}, timeout=30)
        self.clients.append(client)
        if who is not None:
            secret = self.session(who)
            client.cookies.set(COOKIES[False], secret)
            client.headers[CSRF_HEADER] = derived(secret, "csrf")
        return client


@contextmanager
def serving(
    store: Store, settings: ServeSettings | None = None, desk: Desk | None = None
) -> Iterator[Served]:
    """Serve on a free port of this machine until the block ends."""
    desk = desk or desk_with_accounts(store)
    settings = replace(settings or ServeSettings(), port=0)
    running = server(create_app(store, settings, desk=desk), settings)
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        while not running.started:
            if not thread.is_alive():
                raise RuntimeError("the server ended at its start")
            time.sleep(0.005)
        port = running.servers[0].sockets[0].getsockname()[1]
        site = Served(f"http://127.0.0.1:{port}", store, desk)
        yield site
        for client in site.clients:
            client.close()
    finally:
        running.should_exit = True
        thread.join(20)
        assert not thread.is_alive(), "the server did not end"


@pytest.fixture
def served(store: Store) -> Iterator[Served]:
    with serving(store) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium; its network is this machine's alone.

    For one module: while it lives, an event loop runs in this thread, and no other test could start one of its own.
    """
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page_as(browser: Any, served: Served) -> Iterator[Callable[..., Any]]:
    """`page_as("reviewer", **context)`: a page logged in as this role or account, in a browser context of its own.

    What a page writes to the console as an error, and what fails in it, fails the test.
    """
    contexts: list[Any] = []
    wrong: list[str] = []

    def opened(who: str | None = None, **context: Any) -> Any:
        made = browser.new_context(base_url=served.url, **{"locale": "en-GB", **context})
        contexts.append(made)
        if who is not None:
            made.add_cookies(
                [{"name": COOKIES[False], "value": served.session(who), "url": served.url, "httpOnly": True}]
            )
        page = made.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if _blames(said) else None)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def _blames(said: Any) -> bool:
    """Whether a line of the console tells of a fault of the page; a refused request is the test's own doing."""
    return said.type == "error" and not said.text.startswith("Failed to load resource")
