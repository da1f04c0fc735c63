"""Where a request is about: the store being served, and the run that the path names."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Path, Request

from review.api.problem import Refused
from store.errors import NotFound
from store.run import RunStore
from store.store import Store


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


StoreOf = Annotated[Store, Depends(_store)]


def _run(
    store: StoreOf, run: Annotated[str, Path(description="The run's name.", min_length=1, max_length=200)]
) -> RunStore:
    try:
        return store.run(run)
    except NotFound as error:
        raise Refused(
            HTTPStatus.NOT_FOUND, "There is no run of this name; GET /api/v1/runs lists them."
        ) from error


RunOf = Annotated[RunStore, Depends(_run)]
