"""The audit log, for admins: the newest first, a page at a time, by who and by what."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from review.accounts.identity import Admin, desk_of
from review.web.site import page

router = APIRouter()
PAGE: Final = 50
Filter = Annotated[str, Query(max_length=100, pattern=r"^[^\x00]*$")]


@router.get("/audit-log")
def audit_log(
    request: Request,
    viewer: Admin,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    actor: Filter = "",
    action: Filter = "",
) -> Response:
    journal = desk_of(request).journal
    found = journal.entries(before=before, actor=actor, action=action, limit=PAGE + 1)
    return page(
        request,
        viewer,
        "audit_log.html",
        entries=found[:PAGE],
        next=found[PAGE - 1].id if len(found) > PAGE else None,
        before=before,
        actor=actor,
        action=action,
        actions=journal.actions(),
    )
