"""The REST API as an application of its own, mounted at `/api`: its refusals are problems whatever the pages do.

Every operation declares who may use it by the type of a parameter, and OpenAPI says so (see `review.api.openapi`).
Unsafe operations take an `Idempotency-Key`, reads answer with an ETag, lists go on by cursor.
"""

from fastapi import FastAPI

from review.api import (
    claims,
    decisions,
    effects,
    estimates,
    exchange,
    labels,
    limits,
    openapi,
    overrides,
    problem,
    reveals,
    rounds,
    run_requests,
    runs,
    skips,
    votes,
)
from review.api.etags import ConditionalReads
from review.api.shape import AnyJson
from store.store import Store

ROUTERS = (
    runs.router,
    rounds.router,
    claims.router,
    votes.router,
    skips.router,
    reveals.router,
    decisions.router,
    labels.router,
    exchange.router,
    overrides.router,
    estimates.router,
    effects.router,
    run_requests.router,
    openapi.router,
)


def create_api(store: Store) -> FastAPI:
    """The API over an open store, to be mounted at `/api` behind whatever sets `request.state.desk`."""
    api = FastAPI(
        title="rlaif",
        version="1",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        default_response_class=AnyJson,
    )
    api.state.store = store
    problem.answer_with_problems(api)
    for router in ROUTERS:
        api.include_router(router)
    api.add_middleware(ConditionalReads)
    api.add_middleware(limits.BodyLimit)
    api.add_middleware(problem.Failures)
    return api
