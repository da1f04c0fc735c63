"""Runs that people asked for, and that a process takes and plays: the desk between the pages and the loop.

A request names a stored run whose configuration is played: under a new name, or under its own for more rounds. Taking
one is a single conditional update, so two takers never hold the same. Whether a taker has died is for the loop to say,
which sees the locks of run folders; `take` then takes over from exactly the taker that was seen.
"""

import secrets
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import Field

from store import tables
from store.database import Database
from store.errors import BadUnit, NotFound
from store.records import Record
from store.request_tables import run_requests
from store.scope import columns_of

RequestState = Literal["asked", "taken", "done", "failed", "withdrawn"]
_OPEN = ("asked", "taken")


class RunRequest(Record):
    """A run that somebody asked for. `rounds` is how many rounds the run is to have in all; None: as configured."""

    source: str
    """The stored run whose configuration is played."""
    name: str
    """The run that is played: `source` itself for more rounds of it, or a new one."""
    rounds: int | None = Field(default=None, ge=1)
    asked_by: str
    asked_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    state: RequestState = "asked"
    taken_by: str | None = None
    """Which process took it, as `host:process`."""
    taken_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""
    """How it ended, in one sentence."""
    id: str = Field(default_factory=lambda: f"req_{secrets.token_hex(10)}")


class RunRequests:
    """The requests of one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def ask(
        self, source: str, asked_by: str, *, name: str | None = None, rounds: int | None = None
    ) -> RunRequest:
        """Ask for the configuration of run `source` under a new `name`, or (None) for more rounds of it.

        Raises `NotFound` for an unknown run, and `BadUnit` where the name is that of another run or asked for
        already, or more rounds are asked for without saying how many in all.
        """
        request = RunRequest(source=source, name=name or source, rounds=rounds, asked_by=asked_by)
        runs = tables.runs
        with self.database.write() as connection:
            known = connection.scalar(sa.select(runs.c.name).where(runs.c.name == source).with_for_update())
            if known is None:
                raise NotFound(f"there is no run {source!r} in {self.database}.")
            if request.name == source and rounds is None:
                raise BadUnit(f"more rounds of run {source!r}: say how many it is to have in all.")
            if request.name != source and connection.scalar(
                sa.select(runs.c.name).where(runs.c.name == request.name)
            ):
                raise BadUnit(f"there is a run {request.name!r} already; ask for another name.")
            waiting = sa.select(run_requests.c.id).where(
                run_requests.c.name == request.name, run_requests.c.state.in_(_OPEN)
            )
            if (other := connection.scalar(waiting)) is not None:
                raise BadUnit(f"run {request.name!r} is asked for already, by request {other}.")
            connection.execute(sa.insert(run_requests), request.model_dump())
        return request

    def request(self, id: str) -> RunRequest:
        """Raises `NotFound`."""
        found = self._all(self._query().where(run_requests.c.id == id))
        if not found:
            raise NotFound(
                f"there is no request {id!r} in {self.database}; `rlaif runs requested` lists them."
            )
        return found[0]

    def requests(self, *, open_only: bool = False, source: str | None = None) -> list[RunRequest]:
        """The requests, oldest first; `open_only` those that are asked or taken."""
        query = self._query()
        if open_only:
            query = query.where(run_requests.c.state.in_(_OPEN))
        if source is not None:
            query = query.where(run_requests.c.source == source)
        return self._all(query)

    def take(self, seen: RunRequest, taker: str) -> RunRequest | None:
        """Take a request as it was seen, open or held by a taker that died; None where another was faster."""
        held = (
            run_requests.c.taken_by == seen.taken_by if seen.taken_by else run_requests.c.taken_by.is_(None)
        )
        unchanged = (run_requests.c.state == seen.state) & held
        return self._change(
            seen.id, unchanged & run_requests.c.state.in_(_OPEN),
            {"state": "taken", "taken_by": taker, "taken_at": datetime.now(UTC)},
        )  # fmt: skip

    def end(self, id: str, taker: str, state: Literal["done", "failed"], outcome: str) -> RunRequest | None:
        """Say how a request ended; None where this taker does not hold it any more."""
        mine = (run_requests.c.state == "taken") & (run_requests.c.taken_by == taker)
        return self._change(id, mine, {"state": state, "outcome": outcome, "ended_at": datetime.now(UTC)})

    def release(self, id: str, taker: str) -> RunRequest | None:
        """Give a request back unplayed; None where this taker does not hold it any more."""
        mine = (run_requests.c.state == "taken") & (run_requests.c.taken_by == taker)
        return self._change(id, mine, {"state": "asked", "taken_by": None, "taken_at": None})

    def withdraw(self, id: str, who: str) -> RunRequest | None:
        """Take a request back that nobody has taken; None where it is not open any more."""
        outcome = f"withdrawn by {who}"
        values = {"state": "withdrawn", "outcome": outcome, "ended_at": datetime.now(UTC)}
        return self._change(id, run_requests.c.state == "asked", values)

    def _change(
        self, id: str, condition: sa.ColumnElement[bool], values: dict[str, Any]
    ) -> RunRequest | None:
        with self.database.write() as connection:
            statement = sa.update(run_requests).where(run_requests.c.id == id, condition).values(values)
            if connection.execute(statement).rowcount != 1:
                return None
        return self.request(id)

    def _query(self) -> sa.Select[Any]:
        return sa.select(*columns_of(RunRequest, run_requests)).order_by(
            run_requests.c.asked_at, run_requests.c.id
        )

    def _all(self, query: sa.Select[Any]) -> list[RunRequest]:
        with self.database.read() as connection:
            return [RunRequest(**row._mapping) for row in connection.execute(query)]
