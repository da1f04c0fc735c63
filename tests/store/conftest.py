"""Every test of the store runs on a real SQLite file, and on a real PostgreSQL server where that is asked for."""

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
from store import RunStore, Store
from store.records import Comparison, Message, Prompt, Run, Sample, Verdict


class Units:
    """Units of a small run, made alike wherever a test needs some."""

    def run(self, name: str = "first", **config: object) -> Run:
        return Run(name=name, seed=7, config_hash=content_hash(repr(config)), config=dict(config))

    def prompts(self, count: int, split: str = "train") -> list[Prompt]:
        return [
            Prompt(
                messages=(Message(role="user", content=f"{split} question {i}?"),),
                split=split,
                tags=("helpful",),
            )
            for i in range(count)
        ]

    def samples(self, prompts: list[Prompt], k: int = 2, **fields: object) -> list[Sample]:
        made = {"policy": "rev_a", "round": 1, "purpose": "train", **fields}
        return [
            Sample(
                prompt_id=prompt.id, index=i, seed=i, settings="s", text=f"{prompt.text} Answer {i}.",
                tokens=3, finish_reason="stop", **made,
            )
            for prompt in prompts
            for i in range(k)
        ]  # fmt: skip

    def comparisons(self, prompts: list[Prompt], samples: list[Sample]) -> list[Comparison]:
        """Each prompt's samples, each against each, in order."""
        made = []
        for prompt in prompts:
            own = [sample for sample in samples if sample.prompt_id == prompt.id]
            for i, first in enumerate(own):
                made += [
                    Comparison(
                        prompt=prompt, first=first, second=second, round=first.round,
                        purpose=first.purpose, constitution=content_hash("be good"),
                    )
                    for second in own[i + 1 :]
                ]  # fmt: skip
        return made

    def verdict(self, comparison: Comparison, judge: str = "judge", **fields: object) -> Verdict:
        texts = tuple(f"{side} first: {comparison.id}" for side in ("one", "other"))
        made: dict[str, object] = {
            "template": content_hash("which is better?"),
            "constitution": comparison.constitution,
            "prompt_hashes": tuple(map(content_hash, texts)),
            "prompt_texts": texts,
            "raw": '{"better": "A"}',
            **({} if "unscored" in fields else {"p_first": 0.75}),
            **fields,
        }
        return Verdict(comparison_id=comparison.id, judge=judge, **made)


@pytest.fixture(scope="session")
def units() -> Units:
    return Units()


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


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url) as opened:
        yield opened


@pytest.fixture
def run(store: Store, units: Units) -> RunStore:
    return store.create_run(units.run())
