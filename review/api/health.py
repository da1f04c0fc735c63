"""Whether the server lives, and whether it can work: for whatever starts, restarts and balances it."""

from typing import Literal

import sqlalchemy as sa
from fastapi import APIRouter

from review.api.place import StoreOf
from review.api.problem import Refused
from review.api.shape import Shape
from store.errors import StoreError

router = APIRouter(tags=["health"])


class Health(Shape):
    status: Literal["ok"]


@router.get("/healthz", summary="Whether the process answers")
async def healthz() -> Health:
    """Touches nothing: a server whose database is away is alive, and not ready."""
    return Health(status="ok")


@router.get("/readyz", summary="Whether the database answers too")
def readyz(store: StoreOf) -> Health:
    try:
        with store.database.read() as connection:
            connection.execute(sa.text("SELECT 1"))
    except (StoreError, sa.exc.SQLAlchemyError) as error:
        raise Refused(503, "The database does not answer.", headers={"Retry-After": "5"}) from error
    return Health(status="ok")
