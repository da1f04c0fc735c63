"""The application: every router of the pages and the API, behind the guard.

Nothing of FastAPI's own pages is served: its documentation loads scripts from elsewhere.
"""

from fastapi import FastAPI

from review.accounts.desk import Desk
from review.api import health
from review.api.app import create_api
from review.keeper import Keeper
from review.web import (
    account,
    assets,
    audit_log,
    batches,
    dashboard,
    decisions,
    ledger,
    live,
    login,
    people,
    reviewing,
    rounds,
)
from review.web.failures import failure, tell_failures
from review.web.guard import Guard
from review.web.settings import ServeSettings
from review.web.site import Site
from store.store import Store

ROUTERS = (
    account.router,
    assets.router,
    audit_log.router,
    batches.router,
    dashboard.router,
    decisions.router,
    ledger.router,
    live.router,
    login.router,
    people.router,
    reviewing.router,
    rounds.router,
)


def create_app(store: Store, settings: ServeSettings | None = None, *, desk: Desk | None = None) -> FastAPI:
    """The application over an open store. `desk` is for tests that bring their own clock or cheap passwords."""
    site = Site(store, settings or ServeSettings(), desk or Desk(store))
    app = FastAPI(title="rlaif", openapi_url=None, docs_url=None, redoc_url=None, lifespan=live.keeping)
    app.state.site = site
    app.state.keeper = Keeper(store)
    app.state.store = store
    tell_failures(app)
    for router in ROUTERS:
        app.include_router(router)
    app.include_router(health.router)
    app.mount("/api", create_api(store))
    app.add_middleware(Guard, site=site, failure=failure)
    return app
