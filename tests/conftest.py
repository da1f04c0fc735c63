"""A database for whoever needs one: a real SQLite file, and a real PostgreSQL server where that is asked for."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from prompts.hashing import content_hash


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The folder of a running server's socket. The server sorts text by language, as most do, and not by bytes."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.skip("no PostgreSQL binaries under /usr/lib/postgresql")
    programs = found[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="rlaif-pg-", dir="/tmp"))  # a socket's path must be short
    as_user: dict[str, object] = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        as_user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    data = folder / "data"
    initdb = [
        str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync",
        "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US",
    ]  # fmt: skip
    server = None
    try:
        subprocess.run(initdb, check=True, cwd=folder, capture_output=True, **as_user)
        settings = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [str(programs / "postgres"), "-D", str(data), *settings],
                cwd=folder,
                stdout=log,
                stderr=log,
                **as_user,
            )
        _wait(folder, server)
        yield str(folder)
    finally:
        if server is not None:
            server.send_signal(signal.SIGQUIT)  # at once: nothing of it is to be kept
            server.wait(30)
        shutil.rmtree(folder)


def _wait(folder: Path, server: "subprocess.Popen[bytes]") -> None:
    while server.poll() is None:
        try:
            psycopg.connect(host=str(folder), user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.05)
            continue
        return
    raise RuntimeError(f"the server ended at its start: {(folder / 'log').read_text()}")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database's URL; it is empty (on PostgreSQL, a schema of its own)."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'runs' / 'rlaif.db'}"
    folder = request.getfixturevalue("postgresql")
    name = f"test_{content_hash(request.node.nodeid)[:16]}"
    with psycopg.connect(host=folder, user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"postgresql://postgres@/postgres?host={folder}&options=-csearch_path%3D{name}"
