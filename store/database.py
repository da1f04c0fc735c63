"""One database: an engine, short read and write transactions, and its tables at the code's own version.

SQLite runs in WAL mode, so readers and a writer pass each other; a write takes its lock at the start (BEGIN
IMMEDIATE), because a transaction that reads first and locks later fails at once where another process wrote in
between, however long the timeout. Each transaction is short: no connection is held while a caller thinks.

Left out: databases other than SQLite and PostgreSQL. Ignoring a unit that is already there is said differently in
each dialect, and a dialect that no test runs on would be a promise.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine

from store.errors import BadDatabaseUrl, NewerDatabase, StoreBusy, StoreError

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 60.0
_POOL: dict[str, Any] = {"pool_size": 20, "max_overflow": 30}
"""Connections kept, and opened beyond for a while: as many as a server has threads, so that none waits for one."""
Insert = sqlite.Insert | postgresql.Insert
_DEADLOCK = "40P01"  # PostgreSQL's own code
_MIGRATION_LOCK = 0x726C616966  # a PostgreSQL advisory lock's number; any constant of our own


class Database:
    """An open database. Opening makes or upgrades the tables.

    Raises `BadDatabaseUrl`, `NewerDatabase`, `StoreBusy`.
    """

    def __init__(self, url: str, busy_seconds: float = BUSY_SECONDS) -> None:
        self.url = _parse(url)
        self.dialect = self.url.get_backend_name()
        self._busy_seconds = busy_seconds
        self._joined: ContextVar[Connection | None] = ContextVar("joined", default=None)
        self._turn = threading.Lock()
        self.engine = self._engine()
        try:
            self.engine.connect().close()
            self._migrate()
        except sa.exc.DBAPIError as error:
            self.close()
            raise BadDatabaseUrl(
                f"cannot open {self}: {reason(error)}. Check that it is a database, and its rights."
            ) from error
        except BaseException:
            self.close()
            raise

    def __str__(self) -> str:
        return self.url.render_as_string(hide_password=True)

    def close(self) -> None:
        self.engine.dispose()

    def insert(self, table: sa.Table) -> Insert:
        """An INSERT of this database's dialect, which knows ON CONFLICT."""
        return sqlite.insert(table) if self.dialect == "sqlite" else postgresql.insert(table)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database. Keep it short. Raises `StoreBusy`, `StoreError`."""
        joined = self._joined.get()
        if joined is not None:
            yield joined
            return
        with self._failures("read"), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds SQLite's write lock from its start; committed at the end, or not at all.

        Raises `StoreBusy` where another process holds the lock for longer than the timeout or two wait for each other,
        `StoreError` where the database fails (a full disk, a lost server).
        """
        joined = self._joined.get()
        if joined is not None:
            with joined.begin_nested():
                yield joined
            return
        with (
            self._failures("write"),
            self._own_turn(),
            self.engine.connect().execution_options(writes=True) as connection,
        ):
            connection.begin()
            yield connection
            connection.commit()

    @contextmanager
    def together(self) -> Iterator[Connection]:
        """A `write` that every `read` and `write` of this thread joins until it ends: all of them happen, or none.

        What fails inside and is caught there is undone alone.
        """
        with self.write() as connection:
            token = self._joined.set(connection)
            try:
                yield connection
            finally:
                self._joined.reset(token)

    @contextmanager
    def _own_turn(self) -> Iterator[None]:
        """Have the writers of this process wait for each other here, on SQLite.

        SQLite itself has them look again and again, ever more seldom, so that among many one may wait for seconds
        while others who came later are served.
        """
        if self.dialect != "sqlite":
            yield
            return
        if not self._turn.acquire(timeout=self._busy_seconds):
            raise self._busy()
        try:
            yield
        finally:
            self._turn.release()

    def _busy(self) -> StoreBusy:
        return StoreBusy(
            f"{self}: another process kept this database locked for {self._busy_seconds:g} s. "
            "End it, or run again when it is done; nothing was lost."
        )

    @contextmanager
    def _failures(self, action: str) -> Iterator[None]:
        try:
            yield
        except sa.exc.OperationalError as error:
            if getattr(error.orig, "sqlstate", None) == _DEADLOCK:
                raise StoreBusy(
                    f"{self}: two transactions waited for each other, and this one was ended. Nothing of it was kept; "
                    "try it again."
                ) from error
            if "locked" in reason(error):
                raise self._busy() from error
            raise StoreError(
                f"{self}: cannot {action}: {reason(error)}. What was committed before is safe: mend this and run again."
            ) from error

    def _engine(self) -> Engine:
        """Values are kept out of messages and logs: they are answers, and hashes of passwords."""
        if self.dialect == "postgresql":
            engine = sa.create_engine(self.url, pool_pre_ping=True, hide_parameters=True, **_POOL)
            sa.event.listen(engine, "connect", _prepare_postgresql)
            return engine
        if self.url.database and self.url.database != ":memory:":
            folder = Path(self.url.database).parent
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise BadDatabaseUrl(f"cannot make the folder {folder}: {error.strerror}.") from error
        engine = sa.create_engine(
            self.url, connect_args={"timeout": self._busy_seconds}, hide_parameters=True, **_POOL
        )
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _migrate(self) -> None:
        """Bring the tables to the newest packaged revision; several processes may try at once."""
        script = ScriptDirectory(str(MIGRATIONS))
        with self.read() as connection:
            if self._current(connection, script) == script.get_current_head():
                return
        if self.dialect == "sqlite":
            self._set_wal()
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with self.write() as connection:
            if self.dialect == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def _current(self, connection: Connection, script: ScriptDirectory) -> str | None:
        heads = MigrationContext.configure(connection).get_current_heads()
        try:
            script.get_revisions(heads)
        except CommandError as error:
            raise NewerDatabase(
                f"{self} was written by a later version of rlaif (its tables are at {', '.join(heads)}, this "
                f"version knows up to {script.get_current_head()}). Update rlaif, or use another database."
            ) from error
        return heads[0] if heads else None

    def _set_wal(self) -> None:
        """Kept in the file once set. SQLite does not wait for a lock here, so waiting is ours to do."""
        deadline = time.monotonic() + self._busy_seconds
        while True:
            raw = self.engine.raw_connection()
            try:
                raw.cursor().execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            finally:
                raw.close()


def reason(error: sa.exc.DBAPIError) -> str:
    """What the database said, on one line."""
    return " ".join(str(error.orig).split()).rstrip(".")


def _parse(url: str) -> URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise BadDatabaseUrl(
            f"{url!r} is not a database URL. Write sqlite:///runs/rlaif.db or postgresql://user@host/name."
        ) from error
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise BadDatabaseUrl(f"{parsed.drivername!r} is not supported. Use sqlite or postgresql.")
    try:
        parsed.get_dialect().import_dbapi()
    except ImportError as error:
        raise BadDatabaseUrl(
            f"the driver of {parsed.drivername} is missing: pip install 'rlaif[postgresql]'."
        ) from error
    return parsed


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    connection.execute("SET jit = off")  # compiling a query takes longer than any of ours runs
    connection.commit()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says so, and nowhere else
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=NORMAL")  # with WAL: a killed process loses nothing committed


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
