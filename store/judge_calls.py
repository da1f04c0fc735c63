"""Answers of external judges and what they cost, shared by every run of the store.

Answers are for saving money and may be pruned; spending is kept for good, by account (a run's name) and model, as
running totals that are raised in the very transaction that keeps an answer. Nothing here is ever read and then
written back, so processes may share it without a lock.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store import judge_tables
from store.database import Database
from store.scope import chunks

_TOUCH_AFTER = timedelta(hours=1)
"""How old the record of the last use may be before a use is written down: reading should not mean writing."""

_COUNTS = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")


@dataclass(frozen=True)
class PaidCall:
    """One answered call. `key` is None where its answer is not kept, `cost_usd` where its price is not known."""

    key: str | None
    endpoint: str
    model: str
    response: bytes
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: float | None = None


@dataclass(frozen=True)
class Spending:
    """What an account's calls took. `cost_usd` is of the calls with a known price alone."""

    calls: int = 0
    unpriced_calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: float = 0.0

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True)
class KeptCalls:
    """How many answers of a model are kept, their bytes as stored, and what they cost when they were asked for."""

    model: str
    endpoint: str
    calls: int
    bytes: int
    cost_usd: float | None
    oldest: datetime
    last_used: datetime


def sub_account(account: str, name: str) -> str:
    """An account with a budget of its own, that is counted with `account` as well."""
    return f"{account}#{name}"


class JudgeCalls:
    """The kept calls of one database. Safe to use from several threads and processes."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def find(self, keys: Iterable[str]) -> dict[str, PaidCall]:
        """The calls kept under these keys; their last use is now."""
        table = judge_tables.judge_calls
        now = datetime.now(UTC)
        found: dict[str, PaidCall] = {}
        stale: list[str] = []
        for some in chunks(sorted(set(keys))):
            with self.database.read() as connection:
                rows = connection.execute(sa.select(table).where(table.c.key.in_(some))).all()
            for row in rows:
                found[row.key] = _call(row)
                if now - row.used_at > _TOUCH_AFTER:
                    stale.append(row.key)
        for some in chunks(stale):
            with self.database.write() as connection:
                connection.execute(sa.update(table).where(table.c.key.in_(some)).values(used_at=now))
        return found

    def add(self, account: str, calls: Sequence[PaidCall]) -> None:
        """Keep answers and count their cost, all or nothing. An answer that is there already stays as it is."""
        with self.database.write() as connection:
            self.add_in(connection, account, calls)

    def add_in(self, connection: Connection, account: str, calls: Sequence[PaidCall]) -> None:
        """`add` as a part of the transaction that `connection` is in."""
        table = judge_tables.judge_calls
        now = datetime.now(UTC)
        rows = [_row(call, now) for call in calls if call.key is not None]
        if rows:
            statement = self.database.insert(table).on_conflict_do_nothing(index_elements=["key"])
            connection.execute(statement, rows)
        for model, spent in _by_model(calls).items():
            self._charge(connection, account, model, spent)

    def drop(self, keys: Sequence[str]) -> None:
        """Keep these answers no longer. What they cost stays counted."""
        table = judge_tables.judge_calls
        for some in chunks(keys):
            with self.database.write() as connection:
                connection.execute(sa.delete(table).where(table.c.key.in_(some)))

    def spent(self, account: str) -> Spending:
        """What the calls of the account and of those under it took in all, over every session."""
        table = judge_tables.judge_spending
        columns = list(Spending.__dataclass_fields__)
        query = sa.select(*(sa.func.sum(table.c[name]).label(name) for name in columns))
        with self.database.read() as connection:
            under = table.c.account.startswith(sub_account(account, ""), autoescape=True)
            row = connection.execute(query.where((table.c.account == account) | under)).one()
        if row.calls is None:
            return Spending()
        return Spending(
            calls=int(row.calls),
            unpriced_calls=int(row.unpriced_calls),
            input_tokens=int(row.input_tokens),
            cached_tokens=int(row.cached_tokens),
            output_tokens=int(row.output_tokens),
            reasoning_tokens=int(row.reasoning_tokens),
            cost_usd=float(row.cost_usd),
        )

    def kept(self) -> list[KeptCalls]:
        """What is kept, by model and endpoint."""
        table = judge_tables.judge_calls
        query = (
            sa.select(
                table.c.model,
                table.c.endpoint,
                sa.func.count(),
                sa.func.sum(table.c.size),
                sa.func.sum(table.c.cost_usd),
                sa.func.min(table.c.created_at, type_=table.c.created_at.type),
                sa.func.max(table.c.used_at, type_=table.c.used_at.type),
            )
            .group_by(table.c.model, table.c.endpoint)
            .order_by(table.c.model, table.c.endpoint)
        )
        with self.database.read() as connection:
            rows = connection.execute(query).all()
        return [
            KeptCalls(model, endpoint, calls, int(size), cost, oldest, used)
            for model, endpoint, calls, size, cost, oldest, used in rows
        ]

    def prune(self, older_than: timedelta | None = None, max_bytes: int | None = None) -> tuple[int, int]:
        """Drop answers not used for `older_than`, then the least recently used until `max_bytes` are left.

        Returns how many were dropped and their bytes as stored. What they cost stays counted.
        """
        table = judge_tables.judge_calls
        dropped = freed = 0
        conditions: list[sa.ColumnElement[bool]] = []
        if older_than is not None:
            conditions.append(table.c.used_at < datetime.now(UTC) - older_than)
        if max_bytes is not None:
            newest_first = sa.select(
                table.c.key,
                sa.func.sum(table.c.size)
                .over(order_by=(table.c.used_at.desc(), table.c.key), rows=(None, 0))
                .label("up_to_here"),
            ).subquery()
            beyond = sa.select(newest_first.c.key).where(newest_first.c.up_to_here > max_bytes)
            conditions.append(table.c.key.in_(beyond))
        with self.database.write() as connection:
            for condition in conditions:
                gone = connection.execute(
                    sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(table.c.size), 0)).where(
                        condition
                    )
                ).one()
                connection.execute(sa.delete(table).where(condition))
                dropped, freed = dropped + int(gone[0]), freed + int(gone[1])
        return dropped, freed

    def _charge(self, connection: Connection, account: str, model: str, spent: Spending) -> None:
        table = judge_tables.judge_spending
        values = {name: getattr(spent, name) for name in Spending.__dataclass_fields__}
        insert = self.database.insert(table).values(account=account, model=model, **values)
        statement = insert.on_conflict_do_update(
            index_elements=["account", "model"],
            set_={name: table.c[name] + insert.excluded[name] for name in values},
        )
        connection.execute(statement)


def _by_model(calls: Iterable[PaidCall]) -> Mapping[str, Spending]:
    totals: dict[str, Spending] = {}
    for call in calls:
        before = totals.get(call.model, Spending())
        totals[call.model] = Spending(
            calls=before.calls + 1,
            unpriced_calls=before.unpriced_calls + (call.cost_usd is None),
            **{name: getattr(before, name) + getattr(call, name) for name in _COUNTS},
            cost_usd=before.cost_usd + (call.cost_usd or 0.0),
        )
    return totals


def _row(call: PaidCall, now: datetime) -> dict[str, Any]:
    packed = zlib.compress(call.response, 3)
    return {
        "key": call.key,
        "endpoint": call.endpoint,
        "model": call.model,
        "response": packed,
        "size": len(packed),
        **{name: getattr(call, name) for name in _COUNTS},
        "cost_usd": call.cost_usd,
        "created_at": now,
        "used_at": now,
    }


def _call(row: sa.Row[Any]) -> PaidCall:
    return PaidCall(
        key=row.key,
        endpoint=row.endpoint,
        model=row.model,
        response=zlib.decompress(row.response),
        **{name: getattr(row, name) for name in _COUNTS},
        cost_usd=row.cost_usd,
    )
