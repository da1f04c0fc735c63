"""The accounts of a store, for admins: inviting, roles, disabling, new passwords."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from review.accounts.desk import Desk
from review.accounts.errors import AccountError
from review.accounts.identity import AdminInPerson, Viewer, desk_of
from review.accounts.roles import ROLES, Role
from review.web.login import Id, told
from review.web.site import page, site_of

router = APIRouter(prefix="/accounts")


def _shown(request: Request, viewer: Viewer, status: int = HTTPStatus.OK, **values: Any) -> Response:
    desk = desk_of(request)
    return page(
        request,
        viewer,
        "accounts.html",
        status=status,
        accounts=desk.roster.all(),
        links=desk.links.open(),
        seen=desk.sessions.last_used(),
        roles=ROLES,
        **{"problem": "", "link": "", "link_for": "", **values},
    )


def _done(request: Request, viewer: Viewer, act: Callable[[Desk], object]) -> Response:
    try:
        act(desk_of(request))
    except AccountError as error:
        return _shown(request, viewer, HTTPStatus.CONFLICT, problem=told(request, error))
    return RedirectResponse("/accounts?done=saved", HTTPStatus.SEE_OTHER)


@router.get("")
def accounts(request: Request, viewer: AdminInPerson) -> Response:
    return _shown(request, viewer)


@router.post("/invite")
def invite(request: Request, viewer: AdminInPerson, role: Annotated[Role, Form()]) -> Response:
    """The answer shows the link, this once."""
    secret = desk_of(request).invite(role, viewer.actor)
    return _shown(request, viewer, HTTPStatus.CREATED, link=_link(request, secret))


@router.post("/withdraw")
def withdraw(request: Request, viewer: AdminInPerson, link: Id) -> Response:
    return _done(request, viewer, lambda desk: desk.links.withdraw(link, viewer.actor))


@router.post("/role")
def set_role(request: Request, viewer: AdminInPerson, account: Id, role: Annotated[Role, Form()]) -> Response:
    return _done(request, viewer, lambda desk: desk.set_role(account, role, viewer.actor))


@router.post("/disable")
def disable(request: Request, viewer: AdminInPerson, account: Id) -> Response:
    return _done(request, viewer, lambda desk: desk.disable(account, viewer.actor))


@router.post("/enable")
def enable(request: Request, viewer: AdminInPerson, account: Id) -> Response:
    return _done(request, viewer, lambda desk: desk.roster.enable(account, viewer.actor))


@router.post("/reset")
def reset(request: Request, viewer: AdminInPerson, account: Id) -> Response:
    """The answer shows a link that sets a new password, this once."""
    desk = desk_of(request)
    owner = desk.roster.get(account)
    secret = desk.reset(owner.id, viewer.actor)
    return _shown(request, viewer, HTTPStatus.CREATED, link=_link(request, secret), link_for=owner.name)


def _link(request: Request, secret: str) -> str:
    """At the address this site is known by, else at the one the admin's browser uses."""
    settings = site_of(request).settings
    base = settings.base_url or str(request.base_url)
    return f"{base.rstrip('/')}/join/{secret}"
