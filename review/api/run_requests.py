"""Requests of runs: a stored configuration is played again, or for more rounds, by a process that takes the request."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import Field, StringConstraints

from review.accounts.identity import JournalOf, Lead
from review.api.cursors import Cursor, Limit, Page, after, cursor_after
from review.api.once import OnceOnly
from review.api.place import StoreOf
from review.api.problem import Refused, problem_responses
from review.api.shape import Shape
from store.errors import BadUnit, NotFound
from store.run_requests import RequestState, RunRequest, RunRequests

router = APIRouter(tags=["run requests"])
RequestId = Annotated[str, Path(pattern=r"^req_[0-9a-f]{4,40}$")]
NewName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


class RunAsked(Shape):
    source: str = Field(min_length=1, max_length=200, description="The run whose configuration is played.")
    name: NewName | None = Field(
        default=None, description="A name for the new run; none for more rounds of `source`."
    )
    rounds: int | None = Field(
        default=None, ge=1, le=1000, description="How many rounds in all; as configured where left out."
    )


class RunRequestShown(Shape):
    id: str
    source: str
    name: str
    rounds: int | None
    state: RequestState
    asked_by: str
    asked_at: datetime
    taken_at: datetime | None
    ended_at: datetime | None
    outcome: str


@router.post(
    "/v1/run-requests",
    status_code=201,
    summary="Ask for a run of a stored configuration",
    responses=problem_responses(404),
)
def ask(
    viewer: Lead, store: StoreOf, body: RunAsked, once: OnceOnly, response: Response, journal: JournalOf
) -> RunRequestShown:
    """Nothing is started here: a process that plays requests (`rlaif run --requested`) takes it."""

    def work() -> RunRequestShown:
        try:
            with store.database.together():
                asked = RunRequests(store.database).ask(
                    body.source, viewer.name, name=body.name, rounds=body.rounds
                )
                journal.record(viewer.actor, "run.request", asked.id, source=body.source, name=asked.name)
            return _shown(asked)
        except NotFound as error:
            raise Refused(404, f"There is no run {body.source!r}.") from error
        except BadUnit as error:
            raise Refused(409, str(error)) from error

    made = once.answer(viewer, body, RunRequestShown, work)
    response.headers["Location"] = f"/api/v1/run-requests/{made.id}"
    return made


@router.get("/v1/run-requests", summary="The runs that were asked for, oldest first")
def list_requests(_: Lead, store: StoreOf, cursor: Cursor = None, limit: Limit = 50) -> Page[RunRequestShown]:
    key = after("run-requests", cursor, (str, str))
    rows = [((one.asked_at.isoformat(), one.id), one) for one in RunRequests(store.database).requests()]
    rest = [row for row in rows if key is None or row[0] > key]
    page = rest[:limit]
    return Page(
        items=[_shown(one) for _, one in page],
        next=cursor_after("run-requests", page[-1][0]) if len(rest) > limit else None,
    )


@router.get("/v1/run-requests/{id}", summary="One request and how it ended")
def show_request(_: Lead, store: StoreOf, id: RequestId) -> RunRequestShown:
    return _shown(_found(store, id))


@router.delete("/v1/run-requests/{id}", summary="Withdraw a request that nobody has taken")
def withdraw(
    viewer: Lead, store: StoreOf, id: RequestId, once: OnceOnly, journal: JournalOf
) -> RunRequestShown:
    def work() -> RunRequestShown:
        _found(store, id)
        with store.database.together():
            gone = RunRequests(store.database).withdraw(id, viewer.name)
            if gone is not None:
                journal.record(viewer.actor, "run.withdraw", id)
        if gone is None:
            raise Refused(
                409, "This request is not open any more; only one that nobody has taken can be withdrawn."
            )
        return _shown(gone)

    return once.answer(viewer, None, RunRequestShown, work)


def _found(store: StoreOf, id: str) -> RunRequest:
    try:
        return RunRequests(store.database).request(id)
    except NotFound as error:
        raise Refused(404, f"There is no request {id!r}.") from error


def _shown(request: RunRequest) -> RunRequestShown:
    return RunRequestShown(**request.model_dump(include=set(RunRequestShown.model_fields)))
