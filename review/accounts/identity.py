"""Who asks: from the request's session cookie or bearer token to a `Viewer`, and what a route asks of one.

A route declares who may use it by the type of a parameter (`Reviewer`, `Lead`, `Admin`, `Anyone`, or an `Own…` for
what only a person with a browser may do, never a token). A test holds that every route does.

A cookie is sent by the browser whoever wrote the form, so changes by cookie need the session's own token beside it
(`X-CSRF-Token`, or the form's field `csrf`); bearer tokens are sent by nobody unasked and need none.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from review.accounts.desk import Desk
from review.accounts.journal import Actor, Journal
from review.accounts.roles import Role, Scope, covers, scope_needed
from review.accounts.roster import Account
from review.accounts.secret import derived

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER: Final = "X-CSRF-Token"
CSRF_FIELD: Final = "csrf"
COOKIES: Final = {True: "__Host-rlaif", False: "rlaif_session"}
"""The session's cookie by whether pages are served over TLS: only then does a browser take the strict name."""
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_LONGEST_SECRET: Final = 200


@dataclass(frozen=True)
class Viewer:
    """The account that asks, and by what. `name` is what its labels bear as their reviewer."""

    account: Account
    address: str
    session: str | None = None
    csrf: str | None = field(default=None, repr=False)
    scopes: frozenset[Scope] | None = None
    """Of the token; None for a session, which may do all its role may."""

    @property
    def id(self) -> str:
        return self.account.id

    @property
    def name(self) -> str:
        return self.account.name

    @property
    def role(self) -> Role:
        return self.account.role

    @property
    def preferences(self) -> Mapping[str, Any]:
        return self.account.preferences

    @property
    def locale(self) -> str | None:
        """The language chosen, if one was."""
        return self.preferences.get("locale")

    @property
    def actor(self) -> Actor:
        """As the audit log names it."""
        return Actor(self.name, self.address)

    def may(self, role: Role) -> bool:
        """Whether the account's role covers this one."""
        return covers(self.role, role)


def desk_of(request: Request) -> Desk:
    """The front desk of the application that answers this request, in mounted applications as well."""
    desk: Desk = request.state.desk
    return desk


def _journal(request: Request) -> Journal:
    return desk_of(request).journal


JournalOf = Annotated[Journal, Depends(_journal)]
"""The audit log, for a route that does what is to be read there afterwards."""


class Requires:
    """A dependency: the viewer, if of this role (None: anyone, and None for nobody). Raises 401 and 403."""

    def __init__(self, role: Role | None, *, in_person: bool = False) -> None:
        self.role = role
        self.in_person = in_person

    async def __call__(self, request: Request) -> Viewer | None:
        viewer = await recognised(request)
        if self.role is None:
            return viewer
        if viewer is None:
            raise HTTPException(401, "Log in first.", headers={"WWW-Authenticate": "Bearer"})
        self._refuse(viewer, request.method)
        if viewer.session is not None and request.method not in SAFE:
            await _check_csrf(request, viewer)
        return viewer

    def _refuse(self, viewer: Viewer, method: str) -> None:
        if self.role is None:
            return
        if not viewer.may(self.role):
            raise HTTPException(403, f"This is for the role {self.role}; you are {viewer.role}.")
        if viewer.scopes is None:
            return
        if self.in_person:
            raise HTTPException(403, "This is done in a browser, and not with a token.")
        needed = scope_needed(self.role, safe=method in SAFE)
        if needed not in viewer.scopes:
            raise HTTPException(403, f"This needs a token with the scope {needed}.")


Reviewer = Annotated[Viewer, Depends(Requires("reviewer"))]
Lead = Annotated[Viewer, Depends(Requires("lead"))]
Admin = Annotated[Viewer, Depends(Requires("admin"))]
Anyone = Annotated[Viewer | None, Depends(Requires(None))]
OwnAccount = Annotated[Viewer, Depends(Requires("reviewer", in_person=True))]
AdminInPerson = Annotated[Viewer, Depends(Requires("admin", in_person=True))]


async def recognised(request: Request) -> Viewer | None:
    """Who asks, looked up once for a request. A bearer token, even a useless one, goes before the cookie."""
    if not hasattr(request.state, "viewer"):
        request.state.viewer = await run_in_threadpool(_recognise, request)
    found: Viewer | None = request.state.viewer
    return found


def _recognise(request: Request) -> Viewer | None:
    desk = desk_of(request)
    address = request.client.host if request.client else ""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        by_token = desk.tokens.find(token.strip()[:_LONGEST_SECRET])
        if by_token is None:
            return None
        return Viewer(by_token[1], address, scopes=frozenset(by_token[0].scopes))
    secret = request.cookies.get(COOKIES[request.state.secure], "")[:_LONGEST_SECRET]
    by_session = desk.sessions.find(secret) if secret else None
    if by_session is None:
        return None
    session, account = by_session
    return Viewer(account, address, session.id, derived(secret, "csrf"))


async def _check_csrf(request: Request, viewer: Viewer) -> None:
    sent = request.headers.get(CSRF_HEADER)
    if sent is None and request.headers.get("Content-Type", "").split(";")[0].lower() in _FORMS:
        value = (await request.form()).get(CSRF_FIELD)
        sent = value if isinstance(value, str) else None
    if sent is None or not hmac.compare_digest(sent.encode(), str(viewer.csrf).encode()):
        raise HTTPException(403, "This form is not of your present session. Load the page again.")
