"""Opening a database: made, upgraded, or refused with a reason."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from store import Store
from store.database import Database
from store.errors import BadDatabaseUrl, NewerDatabase, StoreBusy, StoreError
from store.schema import metadata
from store.scope import CHUNK


def test_migrations_make_the_tables_that_the_code_declares(store):
    with store.database.read() as connection:
        # A search index is made by the migration alone: FTS5 keeps it in tables of its own.
        declared = {"compare_type": True, "include_name": lambda name, *_: not _searched(name)}
        context = MigrationContext.configure(connection, opts=declared)
        assert compare_metadata(context, metadata) == []
        made = set(sa.inspect(connection).get_table_names())
    assert {name for name in made if not _searched(name)} == {*metadata.tables, "alembic_version"}
    assert "catalogue_words" in made


def _searched(name):
    return (name or "").startswith("catalogue_words")


def test_migrations_make_every_index_and_unique_constraint(store):
    # compare_metadata passes over some of these on SQLite, so they are compared by name as well.
    with store.database.read() as connection:
        inspector = sa.inspect(connection)
        for table in metadata.tables.values():
            made = {index["name"] for index in inspector.get_indexes(table.name)}
            unique = {one["name"] for one in inspector.get_unique_constraints(table.name)}
            assert {index.name for index in table.indexes} <= made
            assert {c.name for c in table.constraints if isinstance(c, sa.UniqueConstraint)} == unique
            refers = {
                tuple(sorted(key["constrained_columns"])) for key in inspector.get_foreign_keys(table.name)
            }
            assert refers == {tuple(sorted(key.column_keys)) for key in table.foreign_key_constraints}


def test_a_database_opened_again_keeps_what_is_in_it(run, units, url):
    run.add_prompts(units.prompts(3))
    with Store.open(url) as again:
        assert list(again.run("first").prompts("train")) == units.prompts(3)


def test_a_database_of_a_later_version_is_refused_and_left_alone(store, url):
    with store.database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerDatabase, match=r"later version of rlaif .*9999.*Update rlaif"):
        Store.open(url)
    with store.database.read() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == "9999"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("runs/rlaif.db", "not a database URL. Write sqlite:///"),
        ("mysql://root@localhost/x", "'mysql' is not supported"),
        ("sqlite+aiosqlite:///x.db", "'sqlite\\+aiosqlite' is not supported"),
    ],
)
def test_a_url_that_names_no_supported_database_is_refused(url, reason):
    with pytest.raises(BadDatabaseUrl, match=reason):
        Store.open(url)


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path):
    path = tmp_path / "notes.db"
    path.write_text("not a database at all, but long enough to be taken for one\n" * 50)
    with pytest.raises(BadDatabaseUrl, match=r"notes\.db.*not a database"):
        Store.open(f"sqlite:///{path}")


def test_a_server_that_is_not_there_is_refused_without_its_password():
    with pytest.raises(BadDatabaseUrl, match="cannot open") as refused:
        Store.open("postgresql://user:secret@127.0.0.1:1/none?connect_timeout=2")
    assert "secret" not in str(refused.value)


def test_sqlite_runs_in_wal_mode_with_foreign_keys_and_a_timeout(tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'a.db'}") as store, store.database.read() as connection:
        pragmas = ("journal_mode", "foreign_keys", "busy_timeout")
        values = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    assert values == ["wal", 1, 60_000]


def test_a_write_that_fails_leaves_nothing_behind(run, units):
    def broken():
        yield from units.prompts(700)
        raise RuntimeError("the source failed")

    with pytest.raises(RuntimeError, match="the source failed"):
        run.add_prompts(broken())
    assert list(run.prompts("train")) == []


def test_a_database_kept_locked_is_reported_and_not_waited_for_forever(tmp_path):
    path = tmp_path / "a.db"
    database = Database(f"sqlite:///{path}", busy_seconds=0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy, match="another process kept this database locked"), database.write():
        pass
    holder.execute("ROLLBACK")
    holder.close()
    with database.write() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1
    database.close()


def test_a_database_that_fails_says_so_and_keeps_what_was_committed(tmp_path, units):
    with Store.open(f"sqlite:///{tmp_path / 'a.db'}") as store:
        run = store.create_run(units.run())
        run.add_prompts(units.prompts(3))
        small = 20  # pages more than the file has: a disk that fills up

        @sa.event.listens_for(store.database.engine, "connect")
        def limit(connection, _record):
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count={pages + small}")

        store.database.engine.dispose()
        with pytest.raises(StoreError, match=r"cannot write: .*full.*run again"):
            run.add_prompts(units.prompts(5000))
        assert len(list(run.prompts("train"))) == 3


def test_threads_may_share_a_store(store, units):
    run = store.create_run(units.run())
    prompts = units.prompts(50)
    run.add_prompts(prompts)

    def work(number: int) -> int:
        run.add_samples(units.samples(prompts, 2, policy=f"rev_{number}"))
        return len(list(run.samples(1, "train", f"rev_{number}")))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(8))) == [100] * 8


@pytest.mark.parametrize("after", [1, 3])
def test_a_writer_killed_at_work_loses_nothing_it_had_committed(url, after):
    """Killed while it writes the next chunk; what it had reported is there, and adding all again adds the rest."""
    script = """
import sys
from store import Store
from store.records import Message, Prompt, Run, Sample
from store.scope import CHUNK
with Store.open(sys.argv[1]) as store:
    run = store.create_run(Run(name="killed", seed=1, config_hash="h", config={}))
    prompts = [Prompt(messages=(Message(role="user", content=f"q{i}"),), split="train") for i in range(CHUNK)]
    run.add_prompts(prompts)
    def samples():
        for index in range(20):
            print(index, flush=True)
            for p in prompts:
                yield Sample(prompt_id=p.id, policy="rev_a", round=1, purpose="train", index=index, seed=index,
                             settings="s", text=f"{index}", tokens=1, finish_reason="stop")
    run.add_samples(samples())
"""
    root = Path(__file__).parents[2]
    writer = [sys.executable, "-c", script, url]
    with subprocess.Popen(writer, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) == after:
                break
        process.kill()
    with Store.open(url) as store:
        kept = list(store.run("killed").samples(1, "train"))
        assert len(kept) >= after * CHUNK
        assert len(kept) % CHUNK == 0
    subprocess.run(writer, cwd=root, check=True, stdout=subprocess.DEVNULL)
    with Store.open(url) as store:
        run = store.run("killed")
        indices = [sample.index for sample in run.samples(1, "train")]
        assert indices == list(range(20)) * CHUNK
        assert set(kept) <= set(run.samples(1, "train"))


def test_a_paged_read_holds_no_transaction_while_its_consumer_thinks(run, units, store):
    run.add_prompts(units.prompts(5))
    reading = run.prompts("train")
    next(reading)
    assert store.database.engine.pool.checkedout() == 0


def test_several_processes_may_make_and_fill_one_database_at_once(url):
    """Each opens the new database, adds the same prompts and its own samples; nothing is lost or doubled."""
    script = """
import sys
from store import Store
from store.records import Message, Prompt, Run, Sample
url, me = sys.argv[1:]
with Store.open(url) as store:
    run = store.create_run(Run(name="shared", seed=1, config_hash="h", config={}))
    prompts = [Prompt(messages=(Message(role="user", content=f"q{i}"),), split="train") for i in range(40)]
    run.add_prompts(prompts)
    for index in range(5):
        run.add_samples(
            Sample(prompt_id=p.id, policy=me, round=1, purpose="train", index=index, seed=index, settings="s",
                   text=f"{me} {index}", tokens=1, finish_reason="stop")
            for p in prompts
        )
"""
    root = Path(__file__).parents[2]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, url, f"rev_{i}"], cwd=root, stderr=subprocess.PIPE, text=True
        )
        for i in range(3)
    ]
    errors = [process.communicate(timeout=120)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], errors
    with Store.open(url) as store:
        run = store.run("shared")
        assert len(list(run.prompts("train"))) == 40
        assert [len(list(run.samples(1, "train", f"rev_{i}"))) for i in range(3)] == [200, 200, 200]
