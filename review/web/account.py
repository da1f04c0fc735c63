"""One's own account: password, sessions, API tokens, language and theme."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from review.accounts.identity import OwnAccount
from review.web.site import page

router = APIRouter()


@router.get("/account")
def account(request: Request, viewer: OwnAccount) -> Response:
    return page(request, viewer, "account.html")
