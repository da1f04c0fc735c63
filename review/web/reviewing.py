"""The review page: choosing a queue, and the desk at which questions are answered.

The page comes without a question. Its script claims questions from the API, so that every question comes the same way,
blind and on a lease, and so that the next one is there before it is needed.
"""

from http import HTTPStatus
from typing import Annotated, Any, NamedTuple, get_args

from fastapi import APIRouter, Body, Request
from starlette.responses import RedirectResponse, Response

from review.accounts.identity import OwnAccount, desk_of
from review.queue import COUNTED, LEASE_S, SkipCause
from review.rendering import LONGEST
from review.reveals import batch_size, reveal_mode
from review.web.hotkeys import ACTIONS, GROUPS, PREFERENCE, changed_keys, keys_of
from review.web.language import gettext, speak
from review.web.script_texts import CAUSES, SCRIPT_TEXTS
from review.web.site import locale_of, page, site_of
from store.records import Run

router = APIRouter()

assert set(CAUSES) == set(get_args(SkipCause))


class Queue(NamedTuple):
    """A run as the chooser lists it."""

    run: Run
    open: int
    votes: int


@router.get("/review")
def choose(request: Request, viewer: OwnAccount, all: bool = False) -> Response:
    """The queues; straight to the only one that waits."""
    store = site_of(request).store
    queues = []
    for run in store.runs():
        scope = store.run(run.name)
        open, _ = scope.open_count(viewer.name)
        queues.append(Queue(run, open, scope.vote_count(viewer.name)))
    waiting = [queue for queue in queues if queue.open]
    if len(waiting) == 1 and not all:
        return RedirectResponse(f"/review/{waiting[0].run.name}", HTTPStatus.SEE_OTHER)
    queues.sort(key=lambda queue: (queue.open == 0, -queue.run.created_at.timestamp()))
    return page(request, viewer, "queues.html", queues=queues, counted=COUNTED)


@router.put("/review/keys", status_code=HTTPStatus.NO_CONTENT)
def keep_keys(
    request: Request, viewer: OwnAccount, keys: Annotated[dict[str, str], Body(max_length=100)]
) -> Response:
    """Keep the keys of an account. 409 with a reason where they cannot be."""
    desk_of(request).roster.prefer(viewer.id, **{PREFERENCE: changed_keys(keys) or None})
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.get("/review/{run}")
def desk(request: Request, viewer: OwnAccount, run: str) -> Response:
    scope = site_of(request).store.run(run)
    mode = reveal_mode(scope)
    with speak(locale_of(request, viewer)):
        told = {name: gettext(text) for name, text in SCRIPT_TEXTS.items()}
        actions = [action._asdict() | {"title": gettext(action.title)} for action in ACTIONS]
        causes = {cause: gettext(text) for cause, text in CAUSES.items()}
        groups = {group: gettext(title) for group, title in GROUPS.items()}
    settings: dict[str, Any] = {
        "run": run,
        "account": viewer.id,
        "mode": mode,
        "keys": keys_of(viewer.preferences),
        "actions": actions,
        "texts": told,
        "longest": LONGEST,
        "lease": LEASE_S,
        "counted": COUNTED,
    }
    return page(
        request,
        viewer,
        "review.html",
        run=run,
        mode=mode,
        size=batch_size(scope),
        settings=settings,
        actions=actions,
        groups=groups,
        causes=causes,
        keys=settings["keys"],
    )
