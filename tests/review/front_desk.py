"""Fixtures of the front desk: on SQLite and PostgreSQL, with a clock that tests turn, and hashes that cost nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from review.accounts.desk import Desk
from store.store import Store
from tests.review.serving import desk_with_accounts


@dataclass
class Clock:
    """A moment, until it is turned."""

    now: datetime = datetime(2030, 5, 1, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def both(url: str) -> Iterator[Store]:
    """A store on each database in turn."""
    with Store.open(url) as opened:
        yield opened


@pytest.fixture
def desk(both: Store, clock: Clock) -> Desk:
    """With an account of each role."""
    return desk_with_accounts(both, clock)
