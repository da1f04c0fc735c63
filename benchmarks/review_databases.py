"""Where the large store is kept between measurements, and the copy that one measurement may change.

A store is built once for a size and a database, under a name that holds a print of what builds it, and put in its place
only when it is whole. PostgreSQL's server is Debian's, started here with its own defaults on a socket in the folder.
"""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import review_store
from benchmarks.review_store import Shape, make
from prompts.hashing import content_hash
from store.store import Store


def built_name(shape: Shape) -> str:
    """A name for the store of this shape as it is built now."""
    source = Path(review_store.__file__).read_text("utf-8")
    return f"built_{shape.items}_{content_hash(source)[:8]}"


@contextmanager
def on_sqlite(folder: Path, shape: Shape) -> Iterator[str]:
    """The URL of a copy of the store, which is deleted afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    built, copy = folder / f"{built_name(shape)}.db", folder / "measured.db"
    if not built.exists():
        part = folder / "building.db"
        _remove(part)
        with Store.open(f"sqlite:///{part}") as store:
            make(store, shape)
        part.rename(built)
    _remove(copy)
    shutil.copyfile(built, copy)
    try:
        yield f"sqlite:///{copy}"
    finally:
        _remove(copy)


@contextmanager
def on_postgresql(folder: Path, shape: Shape) -> Iterator[str]:
    """The URL of a copy of the store on a server of its own."""
    with _server(folder / "postgresql") as socket:
        name = built_name(shape)
        with psycopg.connect(host=str(socket), user="postgres", dbname="postgres", autocommit=True) as admin:
            known = {row[0] for row in admin.execute("SELECT datname FROM pg_database")}
            if name not in known:
                admin.execute("DROP DATABASE IF EXISTS building")
                admin.execute("CREATE DATABASE building")
                with Store.open(_url(socket, "building")) as store:
                    make(store, shape)
                admin.execute(f"ALTER DATABASE building RENAME TO {name}")
            admin.execute("DROP DATABASE IF EXISTS measured")
            admin.execute(f"CREATE DATABASE measured TEMPLATE {name} STRATEGY file_copy")
            try:
                yield _url(socket, "measured")
            finally:
                admin.execute("DROP DATABASE measured WITH (FORCE)")


def _url(socket: Path, database: str) -> str:
    return f"postgresql://postgres@/{database}?host={socket}"


def _remove(file: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)


@contextmanager
def _server(folder: Path) -> Iterator[Path]:
    """The folder of a running server's socket; its data stay there."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        raise SystemExit("There is no PostgreSQL under /usr/lib/postgresql: apt install postgresql.")
    programs, data = found[-1].parent, folder / "data"
    folder.mkdir(parents=True, exist_ok=True)
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        as_user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    if not (data / "PG_VERSION").exists():
        initdb = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        subprocess.run([*initdb, "--locale=C.UTF-8"], check=True, cwd=folder, capture_output=True, **as_user)
    command = [str(programs / "postgres"), "-D", str(data), "-c", "listen_addresses="]
    command += ["-c", f"unix_socket_directories={folder}"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **as_user)
    try:
        _wait(folder, server)
        yield folder
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(120)


def _wait(folder: Path, server: "subprocess.Popen[bytes]") -> None:
    while server.poll() is None:
        try:
            psycopg.connect(host=str(folder), user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.1)
            continue
        return
    raise SystemExit(f"PostgreSQL ended at its start: {(folder / 'log').read_text()[-2000:]}")
