"""One round of the starter beside what one would write first with the libraries alone, stage by stage, in one run.

    python -m benchmarks.round --repeats 3 --out results/round

Ours is round 1 of `rlaif run`: its stages as the run itself times them, with all that they store. The other is
`benchmarks.plain_round`: `generate` in the order given, a judge that writes its verdict in both orders, and trl's
DPOTrainer with its defaults, on the same prompts, comparisons and pairs. Each plays in a process of its own, one after
the other, as often as asked; figures are medians. The whole round is loading, sampling, judging, pairing and
training; what only ours does (spot-check and gate) is left out of it and named.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

from rich.console import Console

from benchmarks.figures import Figures, Row, in_words
from benchmarks.machine import device_facts
from benchmarks.played import STAGES, OurRound, PlainRound, Task
from loop.config import RunConfig, load_config
from policy.model import choose_device
from policy.source import STARTER
from policy.starter.build import ensure_starter

R = TypeVar("R", OurRound, PlainRound)


@dataclass(frozen=True)
class Played:
    """Both rounds and how long their processes lived, imports included."""

    ours: OurRound
    plain: PlainRound
    ours_seconds: float
    plain_seconds: float


def play_both(config: RunConfig, folder: Path) -> Played:
    """Ours first: the other needs its comparisons and pairs."""
    config = config.model_copy(update={"output": folder / "runs"})
    task = Task(config=config, folder=folder)
    ours, ours_seconds = _apart("benchmarks.our_round", task, OurRound)
    if ours.pairs == 0:
        raise RuntimeError(
            "The round made no pairs, so there is nothing to train on: use more --steps or prompts."
        )
    plain, plain_seconds = _apart("benchmarks.plain_round", task, PlainRound)
    return Played(ours, plain, ours_seconds, plain_seconds)


def _apart(module: str, task: Task, kind: type[R]) -> tuple[R, float]:
    """What the module's process answers to the task, and the seconds it lived."""
    task_file, result_file = task.folder / "task.json", task.folder / f"{module}.json"
    task_file.write_text(task.model_dump_json(), "utf-8")
    environment = {**os.environ, "HF_DATASETS_CACHE": str(task.folder / "datasets")}
    command = [sys.executable, "-m", module, str(task_file), str(result_file)]
    start = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        raise RuntimeError(f"{module} ended with exit code {done.returncode}:\n{done.stderr[-2000:]}")
    return kind.model_validate_json(result_file.read_text("utf-8")), seconds


def compare(played: list[Played], epochs: float) -> list[Row]:
    """Two rows a stage, the plain way first; rates are medians of the rounds played."""
    plain, ours = [p.plain for p in played], [p.ours for p in played]

    def row(part: str, way: str, units: list[float], seconds: list[float], unit: str, note: str = "") -> Row:
        rates = [count / lasted for count, lasted in zip(units, seconds, strict=True)]
        return Row(part, "", way, rate=median(rates), unit=unit, seconds=median(seconds), note=note)

    def once(part: str, way: str, seconds: list[float], note: str) -> Row:
        return row(part, way, [3600.0] * len(seconds), seconds, "rounds/h", note)

    agreed = median([_agreement(p) for p in played])
    unread = sum(p.unread for p in plain) / sum(2 * p.comparisons for p in plain)
    beside = {stage: median([p.seconds[stage] for p in ours]) for stage in ("spot_check", "gate")}
    return [
        row("sample", "generate, given order", [p.tokens for p in plain], [p.sample_seconds for p in plain], "tokens/s",
            f"loading the policy, {median([p.load_seconds for p in plain]):.2f} s, not counted"),
        row("sample", "rlaif", [p.tokens for p in ours], [p.seconds["sample"] for p in ours], "tokens/s",
            "loading and storing included"),
        row("judge", "verdicts written", [p.comparisons for p in plain], [p.judge_seconds for p in plain],
            "comparisons/s", f"both orders; {unread:.1%} of the replies name no label"),
        row("judge", "rlaif", [p.comparisons for p in ours], [p.seconds["judge"] for p in ours], "comparisons/s",
            f"both orders, storing included; {agreed:.1%} on the same side where the other has a verdict"),
        row("train", "DPOTrainer as it comes", [p.pairs * epochs for p in plain], [p.train_seconds for p in plain],
            "pairs/s", f"{plain[0].pairs} pairs, {epochs:g} epochs, in the same process; loading and saving included"),
        row("train", "rlaif", [p.pairs * epochs for p in ours], [p.seconds["train"] for p in ours], "pairs/s",
            "in a fresh process; its start, loading and saving included"),
        once("round", "plain", [p.whole for p in plain], "load, sample, judge, train"),
        once("round", "rlaif", [p.whole for p in ours], f"{', '.join(STAGES)}; beside it {in_words(beside)}"),
        once("process", "plain", [p.plain_seconds for p in played], "imports included"),
        once("process", "rlaif", [p.ours_seconds for p in played], "imports, spot-check, gate and report included"),
    ]  # fmt: skip


def _agreement(played: Played) -> float:
    both = played.ours.sides.keys() & played.plain.sides.keys()
    return sum(played.ours.sides[id] == played.plain.sides[id] for id in both) / max(1, len(both))


def main(arguments: list[str] | None = None) -> Figures:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=Path("configs/starter.yaml"))
    parser.add_argument("--set", dest="overrides", action="append", default=[], help="KEY=VALUE")
    parser.add_argument("--steps", type=int, help="build a starter of so few steps a stage: quick, and dull")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write OUT.md and OUT.json")
    given = parser.parse_args(arguments)
    os.environ |= {
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    config = load_config(given.config, given.overrides)
    if config.policy.model == STARTER:
        built = config.policy.model_copy(update={"model": str(ensure_starter(steps=given.steps))})
        config = config.model_copy(update={"policy": built})
    figures = Figures("One round of the starter, beside the libraries alone", given.out)
    device = choose_device(config.policy.device)
    load = os.getloadavg()[0]
    figures.facts = device_facts(device) | {"load before": f"{load:.1f} processes on {os.cpu_count()} cores"}
    played = []
    for repeat in range(given.repeats):
        with tempfile.TemporaryDirectory(prefix="rlaif-round-") as folder:
            played.append(play_both(config, Path(folder)))
        print(f"played {repeat + 1} of {given.repeats}", file=sys.stderr, flush=True)
    for row in compare(played, config.train.epochs):
        figures.add(row)
    figures.show(Console(width=180))
    return figures


if __name__ == "__main__":
    main()
