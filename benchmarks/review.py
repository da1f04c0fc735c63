"""The pages and the API on a store of 1,000,000 verdicts and 50,000 items, with 15 reviewers at once.

    python -m benchmarks.review --database sqlite --out review.json

Two loads on a copy of the same store: reviewers who take 18 s for a decision, as 200 an hour make, while a lead
goes through every page; and the same without pauses, where every request waits for the others'. The server is a real
`rlaif serve`, and the visitors are another process on the same processors. The aim is 150 ms at the 95th percentile.
"""

import argparse
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from benchmarks.review_databases import on_postgresql, on_sqlite
from benchmarks.review_store import PEOPLE, RUN, Shape
from benchmarks.review_visitors import Visit, Visitor
from review.accounts.desk import Desk
from review.accounts.journal import Actor
from review.accounts.roles import Role
from review.accounts.secret import derived
from store import tables
from store.store import Store

AIM_MS = 150.0
DATABASES = {"sqlite": on_sqlite, "postgresql": on_postgresql}
LOADS = {"200 decisions an hour": (18.0, 0.25), "without pauses": (0.0, 0.0)}
"""Seconds between a reviewer's votes, and between a lead's pages."""
HEADINGS = ("operation", "requests", "p50 ms", "p95 ms", "p99 ms", "most ms")


@dataclass(frozen=True)
class Row:
    """One operation under one load; times in milliseconds."""

    database: str
    load: str
    operation: str
    requests: int
    p50: float
    p95: float
    p99: float
    most: float


@dataclass(frozen=True)
class Measured:
    """One load: a row for each operation, votes a second, and what the server took."""

    rows: tuple[Row, ...]
    votes_per_s: float
    server_cpu_share: float
    """Of one processor."""
    server_peak_mib: float
    wrong: Mapping[str, int]


def accounts(store: Store) -> tuple[list[Visitor], Visitor]:
    """An account and a session for each reviewer and for a lead."""
    desk = Desk(store)
    made = []
    roles: dict[str, Role] = {**dict.fromkeys(PEOPLE, "reviewer"), "lead": "admin"}
    for name, role in roles.items():
        account = desk.roster.add(name, role, "", Actor("benchmark"))
        secret = desk.sessions.begin(account.id, "127.0.0.1", "benchmark")[1]
        made.append(Visitor(name, secret, derived(secret, "csrf")))
    return made[:-1], made[-1]


def pages(store: Store) -> dict[str, str]:
    """The lead's pages, by what they are called."""
    run, api = f"/runs/{RUN}", f"/api/v1/runs/{RUN}"
    comparisons, verdicts = tables.comparisons, tables.verdicts
    last = sa.select(sa.func.max(comparisons.c.round)).where(comparisons.c.run == RUN)
    with store.database.read() as connection:
        latest = connection.scalar(last) or 1
        joined = (verdicts.c.run == comparisons.c.run) & (verdicts.c.comparison_id == comparisons.c.id)
        one = sa.select(verdicts.c.id, comparisons.c.id).join_from(comparisons, verdicts, joined)
        one = one.where(comparisons.c.run == RUN, comparisons.c.round == 1).limit(1)
        verdict, comparison = connection.execute(one).one()
    middle = max(1, latest // 2)
    return {
        "list of runs": "/runs",
        "dashboard": run,
        "dashboard's pulse": f"{run}/pulse",
        "a round": f"{run}/rounds/{middle}",
        "two rounds": f"{run}/compare?a={max(1, middle - 1)}&b={middle}",
        "ledger": f"{run}/ledger",
        "decisions": f"{run}/decisions",
        "decisions, filtered": f"{run}/decisions?round={middle}&flip=yes&at_least=90",
        "decisions, overruled": f"{run}/decisions?people=overrule",
        "decisions, common word": f"{run}/decisions?text=water",
        "decisions, several words": f"{run}/decisions?text=python+careful+evidence",
        "decisions, unknown word": f"{run}/decisions?text=xylophone",
        "one decision": f"{run}/decisions/{verdict}",
        "list of queues": "/review?all=true",
        "review page": f"/review/{RUN}",
        "account": "/account",
        "accounts": "/accounts",
        "audit log": "/audit-log",
        "rounds (API)": f"{api}/rounds",
        "decisions (API)": f"{api}/decisions?limit=50",
        "one decision (API)": f"{api}/decisions/{comparison}",
        "labels (API)": f"{api}/labels?limit=50",
        "effects (API)": f"{api}/effects?limit=50",
        "estimate (API)": f"{api}/estimates/{middle}",
        "lanes (API)": f"{api}/lanes",
        "queue (API)": f"{api}/queue",
        "votes (API)": f"{api}/votes",
    }


OWN_PAGES = {
    "list of batches": f"/review/{RUN}/batches",
    "a batch": f"/review/{RUN}/batches/{{batch}}",
}


@contextmanager
def serving(url: str) -> Iterator[tuple[str, int]]:
    """The address of a server process over this store, and its number."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    rlaif = [sys.executable, "-c", "from loop.cli import main; raise SystemExit(main())"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as said:
        server = subprocess.Popen(
            [*rlaif, "serve", "--store", url, "--port", str(port)], stdout=said, stderr=said, env=environment
        )
        try:
            address = f"http://127.0.0.1:{port}"
            while not _ready(address):
                if server.poll() is not None:
                    said.seek(0)
                    raise SystemExit(f"the server ended at its start: {said.read().decode()[-2000:]}")
                time.sleep(0.1)
            yield address, server.pid
        finally:
            server.terminate()
            server.wait(30)


def measure(database: str, url: str, load: str, seconds: float) -> Measured:
    """One load on the store at this URL, which it changes."""
    with Store.open(url) as store:
        reviewers, lead = accounts(store)
        looked_at = pages(store)
    think, pause = LOADS[load]
    with serving(url) as (address, server):
        visit = Visit(address, RUN, reviewers, lead, looked_at, OWN_PAGES, seconds, think, pause)
        before = _cpu_seconds(server)
        visitors = [sys.executable, "-m", "benchmarks.review_visitors"]
        asked = json.dumps(asdict(visit))
        done = subprocess.run(visitors, input=asked, check=True, stdout=subprocess.PIPE, text=True)
        spent, peak = _cpu_seconds(server) - before, _peak_mib(server)
    taken: dict[str, Any] = json.loads(done.stdout)
    by_operation: dict[str, list[float]] = taken["seconds"]
    by_operation["all pages and reads"] = [
        one for what, times in by_operation.items() if what in looked_at for one in times
    ]
    rows = tuple(_row(database, load, what, times) for what, times in by_operation.items())
    return Measured(rows, taken["votes"] / seconds, spent / seconds, peak, taken["wrong"])


def _row(database: str, load: str, operation: str, seconds: Sequence[float]) -> Row:
    ordered = sorted(1000 * one for one in seconds)

    def at(share: float) -> float:
        return ordered[ceil(share * len(ordered)) - 1]

    return Row(database, load, operation, len(ordered), at(0.5), at(0.95), at(0.99), ordered[-1])


def machine() -> dict[str, str]:
    """What it was measured on."""
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "processors": f"{len(os.sched_getaffinity(0))} × {model}",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def show(console: Console, measured: Measured) -> None:
    first = measured.rows[0]
    table = Table(
        title=f"{first.database}, {first.load}",
        caption=f"{measured.votes_per_s:.2f} votes a second; the server took {measured.server_cpu_share:.0%} of a "
        f"processor and {measured.server_peak_mib:,.0f} MiB at most",
    )
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "operation" else "right")
    for row in measured.rows:
        times = [f"{value:,.0f}" for value in (row.p50, row.p95, row.p99, row.most)]
        table.add_row(row.operation, f"{row.requests:,}", *times, style="red" if row.p95 > AIM_MS else None)
    console.print(table)
    for what, number in measured.wrong.items():
        console.print(f"went wrong {number} times: {what}", style="red")


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mib(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.review",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--database", choices=DATABASES, nargs="*", default=list(DATABASES))
    parser.add_argument("--load", choices=LOADS, nargs="*", default=list(LOADS))
    parser.add_argument("--seconds", type=float, default=120.0, help="of each load")
    parser.add_argument("--smaller", type=int, default=1, help="prompts and items divided by this")
    parser.add_argument("--rounds", type=int, default=Shape().rounds)
    parser.add_argument("--kept", type=Path, default=Path(tempfile.gettempdir()) / "rlaif-benchmark")
    parser.add_argument("--out", type=Path, help="a JSON file for the rows")
    asked = parser.parse_args(arguments)
    shape = Shape(rounds=asked.rounds).smaller(asked.smaller)
    console = Console()
    facts = {
        **machine(),
        "store": f"{shape.verdicts:,} verdicts, {shape.items:,} items, {len(PEOPLE)} reviewers",
    }
    console.print(facts)
    found = []
    for database in asked.database:
        for load in asked.load:
            with DATABASES[database](asked.kept, shape) as url:
                found.append(measure(database, url, load, asked.seconds))
            show(console, found[-1])
            if asked.out:
                content = {"facts": facts, "measured": [asdict(one) for one in found]}
                asked.out.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
