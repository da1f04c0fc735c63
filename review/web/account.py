"""One's own account: language and theme, password, where one is logged in, API tokens."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from review.accounts.errors import AccountError
from review.accounts.identity import OwnAccount, Viewer, desk_of
from review.accounts.passwords import SHORTEST
from review.accounts.roles import SCOPES, Scope, scopes_of
from review.web.language import LOCALES, message
from review.web.login import Id, Text, enter, left, told
from review.web.site import page

router = APIRouter()
LIFETIMES: Final = (7, 30, 90, 365)
"""Days that a token may live."""
THEME_TITLES: Final = {
    "system": message("As the system has it"),
    "light": message("Light"),
    "dark": message("Dark"),
}
SCOPE_TITLES: Final[dict[Scope, str]] = {
    "read": message("read: what you may read"),
    "review": message("review: claim, vote, skip, reveal"),
    "lead": message("lead: overrides, run requests, imports"),
    "admin": message("admin: accounts and the audit log"),
}


def _shown(request: Request, viewer: Viewer, status: int = HTTPStatus.OK, **values: Any) -> Response:
    desk = desk_of(request)
    return page(
        request,
        viewer,
        "account.html",
        status=status,
        sessions=desk.sessions.running(viewer.id),
        tokens=desk.tokens.usable(viewer.id),
        scopes=[(scope, SCOPE_TITLES[scope]) for scope in SCOPES if scope in scopes_of(viewer.role)],
        lifetimes=LIFETIMES,
        themes=THEME_TITLES,
        shortest=SHORTEST,
        **{"problems": {}, "made": None, **values},
    )


def _saved(section: str) -> Response:
    return RedirectResponse(f"/account?done=saved#{section}", HTTPStatus.SEE_OTHER)


def _refused(request: Request, viewer: Viewer, section: str, error: Exception) -> Response:
    problems = {section: told(request, error)}
    return _shown(request, viewer, HTTPStatus.UNPROCESSABLE_ENTITY, problems=problems)


@router.get("/account")
def account(request: Request, viewer: OwnAccount) -> Response:
    return _shown(request, viewer)


@router.post("/account/appearance")
def change_appearance(
    request: Request,
    viewer: OwnAccount,
    theme: Annotated[Literal["system", "light", "dark"], Form()],
    locale: Text = "",
) -> Response:
    """Language and theme of every page; an empty language is the browser's."""
    chosen = locale if locale in LOCALES else None
    kept = None if theme == "system" else theme
    desk_of(request).roster.prefer(viewer.id, locale=chosen, theme=kept)
    return _saved("appearance")


@router.post("/account/password")
def change_password(request: Request, viewer: OwnAccount, old: Text, new: Text) -> Response:
    """Ends every session of the account; this browser gets a new one."""
    agent = request.headers.get("User-Agent", "")
    try:
        secret = desk_of(request).change_password(viewer.account, old, new, viewer.actor, agent)
    except AccountError as error:
        return _refused(request, viewer, "password", error)
    answer = _saved("password")
    enter(request, answer, secret)
    return answer


@router.post("/account/sessions/end")
def end_sessions(
    request: Request, viewer: OwnAccount, session: Id = "", everywhere: Annotated[bool, Form()] = False
) -> Response:
    """End one session, or without a name all others, and `everywhere` this one as well."""
    desk = desk_of(request)
    if session:
        desk.end_sessions(viewer.id, viewer.actor, only=session)
    else:
        desk.end_sessions(viewer.id, viewer.actor, but=None if everywhere else viewer.session)
    if session == viewer.session or (everywhere and not session):
        return left(request)
    return _saved("sessions")


@router.post("/account/tokens")
def make_token(
    request: Request,
    viewer: OwnAccount,
    name: Annotated[str, Form(min_length=1, max_length=80, pattern=r"^[^\x00]*$")],
    days: Annotated[int, Form(ge=1, le=365)],
    scopes: Annotated[list[Scope], Form(default_factory=list)],
) -> Response:
    """The answer shows the token, this once."""
    kept = [scope for scope in scopes if scope in scopes_of(viewer.role)]
    try:
        made = desk_of(request).tokens.make(viewer.account, name, kept, timedelta(days=days), viewer.actor)
    except (AccountError, ValueError) as error:
        return _refused(request, viewer, "tokens", error)
    return _shown(request, viewer, HTTPStatus.CREATED, made=made)


@router.post("/account/tokens/revoke")
def revoke_token(request: Request, viewer: OwnAccount, token: Id) -> Response:
    desk_of(request).tokens.revoke(viewer.id, viewer.actor, only=token)
    return _saved("tokens")
