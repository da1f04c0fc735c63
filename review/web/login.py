"""Coming in and going: the login page, one-time links, and the way home."""

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from review.accounts.errors import AccountError, BadLink, TooManyAttempts
from review.accounts.identity import COOKIES, Anyone, OwnAccount, Viewer, desk_of
from review.accounts.passwords import SHORTEST
from review.accounts.roles import Role
from review.accounts.sessions import LIFETIME
from review.web.language import LOCALES, gettext, speak
from review.web.site import LOCALE_COOKIE, locale_of, page, site_of

router = APIRouter()
HOME: Final[dict[Role, str]] = {"reviewer": "/review", "lead": "/runs", "admin": "/runs"}
_LONGEST: Final = 1000
Text = Annotated[str, Form(max_length=_LONGEST)]
Id = Annotated[str, Form(max_length=100, pattern=r"^\w*$")]


@router.get("/")
def home(viewer: OwnAccount) -> Response:
    """Where each role begins its day."""
    return RedirectResponse(HOME[viewer.role], HTTPStatus.SEE_OTHER)


@router.get("/login")
def login_page(request: Request, viewer: Anyone, next: str = "/") -> Response:
    if viewer is not None and viewer.session is not None:
        return RedirectResponse(_within(next), HTTPStatus.SEE_OTHER)
    return page(request, None, "login.html", next=_within(next), problem="", name="")


@router.post("/login")
def log_in(request: Request, viewer: Anyone, name: Text, password: Text, next: Text = "/") -> Response:
    desk = desk_of(request)
    try:
        secret = desk.sign_in(name, password, _address(request), _agent(request))
    except AccountError as error:
        wait = isinstance(error, TooManyAttempts)
        answer = page(
            request,
            None,
            "login.html",
            status=HTTPStatus.TOO_MANY_REQUESTS if wait else HTTPStatus.UNAUTHORIZED,
            next=_within(next),
            problem=told(request, error),
            name=name,
        )
        if isinstance(error, TooManyAttempts):
            answer.headers["Retry-After"] = str(error.seconds)
        return answer
    return _entered(request, viewer, secret, _within(next))


@router.post("/logout")
def log_out(request: Request, viewer: OwnAccount) -> Response:
    desk_of(request).sign_out(viewer.id, str(viewer.session), viewer.actor)
    return left(request)


def left(request: Request) -> Response:
    """On the way out: the cookie is taken back, and what the browser cached of us."""
    answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    secure = site_of(request).settings.secure
    answer.delete_cookie(COOKIES[secure], path="/", secure=secure, httponly=True, samesite="lax")
    # What the pages kept in the browser (answers that wait for the network) stays: it is its writer's to send.
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


@router.get("/join/{secret}")
def join_page(request: Request, secret: str, _viewer: Anyone) -> Response:
    """A link made for one person: looking at it does not use it up."""
    try:
        link = desk_of(request).links.find(secret)
    except BadLink as error:
        return page(
            request, None, "join.html", status=HTTPStatus.GONE, link=None, problem=told(request, error)
        )
    owner = desk_of(request).roster.get(link.account_id).name if link.account_id else ""
    return page(
        request,
        None,
        "join.html",
        link=link,
        secret=secret,
        owner=owner,
        name="",
        problem="",
        shortest=SHORTEST,
    )


@router.post("/join/{secret}")
def join(request: Request, secret: str, viewer: Anyone, password: Text, name: Text = "") -> Response:
    desk = desk_of(request)
    try:
        made = desk.join(secret, name, password, _address(request), _agent(request))
    except BadLink as error:
        return page(
            request, None, "join.html", status=HTTPStatus.GONE, link=None, problem=told(request, error)
        )
    except AccountError as error:
        link = desk.links.find(secret)
        owner = desk.roster.get(link.account_id).name if link.account_id else ""
        return page(
            request,
            None,
            "join.html",
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
            link=link,
            secret=secret,
            owner=owner,
            name=name,
            problem=told(request, error),
            shortest=SHORTEST,
        )
    return _entered(request, viewer, made, "/")


@router.post("/language")
def choose_language(request: Request, _viewer: Anyone, locale: Text, next: Text = "/login") -> Response:
    """Kept in the browser, for whoever is not logged in; an account has its own."""
    answer = RedirectResponse(_within(next), HTTPStatus.SEE_OTHER)
    secure = site_of(request).settings.secure
    if locale in LOCALES:
        answer.set_cookie(
            LOCALE_COOKIE, locale, max_age=31_536_000, secure=secure, httponly=True, samesite="lax"
        )
    return answer


def enter(request: Request, answer: Response, secret: str) -> None:
    """Give the browser the cookie of a session."""
    secure = site_of(request).settings.secure
    answer.set_cookie(
        COOKIES[secure],
        secret,
        max_age=int(LIFETIME.total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def told(request: Request, error: Exception) -> str:
    """What an error says, in the language of the request."""
    with speak(locale_of(request, getattr(request.state, "viewer", None))):
        return gettext(str(error))


def _entered(request: Request, before: Viewer | None, secret: str, target: str) -> Response:
    """Into the new session, out of the one this browser had."""
    if before is not None and before.session is not None:
        desk_of(request).end_sessions(before.id, before.actor, only=before.session)
    answer = RedirectResponse(target, HTTPStatus.SEE_OTHER)
    enter(request, answer, secret)
    return answer


def _within(target: str) -> str:
    """A path of this site, whatever was asked for: nobody is sent elsewhere from here."""
    inside = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if inside else "/"


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _agent(request: Request) -> str:
    return request.headers.get("User-Agent", "")
