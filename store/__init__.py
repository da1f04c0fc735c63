"""Durable facts: the records every folder speaks in, the database, and its migrations."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from store.run import RunStore
    from store.store import Store

__all__ = ["RunStore", "Store"]


def __getattr__(name: str) -> Any:
    """`Store` and `RunStore` on first use: they import SQLAlchemy and Alembic, which a look at `--help` need not."""
    if name == "Store":
        from store.store import Store  # noqa: PLC0415

        return Store
    if name == "RunStore":
        from store.run import RunStore  # noqa: PLC0415

        return RunStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
