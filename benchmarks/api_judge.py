"""Judging through an API: ours beside `asyncio.gather` over the openai client, against a server that waits and fails.

    python -m benchmarks.api_judge --in-flight 512 --latency 0.2 --out api_judge.json

The server (`judge.rehearsal.fault_server`) and each way run in a process of their own, one way at a time, so
processor time and peak memory are the way's alone. The ideal rate is what the latency allows: requests in flight /
latency / 2 verdicts a second, since a verdict takes two requests. With faults the ideal stays that of a server
without any. The plain way judges fewer comparisons, because it would take minutes; its rate does not depend on how
many there are.
"""

import argparse
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PER_VERDICT = 2
"""Requests: both presentation orders."""

HEADINGS = (
    "way",
    "faults",
    "verdicts",
    "scored",
    "verdicts/s",
    "of ideal",
    "CPU ms/verdict",
    "peak MiB",
    "growth MiB",
)
STALL_S = 2.0


@dataclass(frozen=True)
class Row:
    """One way under one share of faults; `requests` and `server_cpu_s` are what the server counted."""

    way: str
    faults: float
    verdicts: int
    scored: int
    seconds: float
    ideal_rate: float
    cpu_seconds: float
    peak_bytes: int
    growth_bytes: int
    requests: int
    server_cpu_s: float

    @property
    def rate(self) -> float:
        """Verdicts a second."""
        return self.verdicts / self.seconds

    def cells(self) -> Sequence[str]:
        return (
            self.way,
            f"{self.faults:.0%}",
            f"{self.verdicts:,}",
            f"{self.scored / self.verdicts:.1%}",
            f"{self.rate:,.0f}",
            f"{self.rate / self.ideal_rate:.1%}",
            f"{1000 * self.cpu_seconds / self.verdicts:.2f}",
            f"{self.peak_bytes / 2**20:,.0f}",
            f"{self.growth_bytes / 2**20:,.1f}",
        )


@contextmanager
def serving(latency: float, faults: float) -> Iterator[str]:
    """The base URL of a server in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "judge.rehearsal.fault_server",
        "--latency",
        str(latency),
        "--stall",
        str(STALL_S),
    ]
    if faults:
        command += ["--share", str(faults)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def measure(way: str, count: int, in_flight: int, latency: float, faults: float) -> Row:
    """Run one way against a server of its own. Raises `CalledProcessError` where it fails."""
    with serving(latency, faults) as url:
        asked = ["--base-url", url, "--count", str(count), "--in-flight", str(in_flight)]
        command = [sys.executable, "-m", "benchmarks.api_way", way, *asked]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        told: dict[str, Any] = json.loads(done.stdout)
        with urllib.request.urlopen(f"{url.removesuffix('/v1')}/stats") as answer:
            stats = json.load(answer)
    return Row(
        way=way,
        faults=faults,
        verdicts=told["verdicts"],
        scored=told["scored"],
        seconds=told["seconds"],
        ideal_rate=in_flight / latency / PER_VERDICT,
        cpu_seconds=told["cpu_seconds"],
        peak_bytes=told["peak_bytes"],
        growth_bytes=told["peak_bytes"] - told["early_bytes"],
        requests=stats["requests"],
        server_cpu_s=stats["cpu_s"],
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.api_judge",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--in-flight", type=int, default=512)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds")
    parser.add_argument("--verdicts", type=int, default=20_480, help="of ours")
    parser.add_argument("--plain-verdicts", type=int, default=1024, help="of the plain way; 0 leaves it out")
    parser.add_argument("--faults", type=float, nargs="*", default=[0.0, 0.1], help="shares of faults")
    parser.add_argument("--out", type=Path, help="a JSON file for the rows")
    asked = parser.parse_args(arguments)
    print(f"{asked.in_flight} in flight, {asked.latency:g} s latency\n")
    print(f"| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}", flush=True)
    rows = []
    for faults in asked.faults:
        for way, count in (("ours", asked.verdicts), ("plain", asked.plain_verdicts)):
            if count:
                rows.append(measure(way, count, asked.in_flight, asked.latency, faults))
                print(f"| {' | '.join(rows[-1].cells())} |", flush=True)
                if asked.out:
                    asked.out.write_text(
                        json.dumps([asdict(row) for row in rows], indent=2), encoding="utf-8"
                    )


if __name__ == "__main__":
    main()
