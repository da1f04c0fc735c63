"""What a device makes of sampling, judging and training, beside what it could: one command, one table.

    python -m benchmarks.gpu --out results/gpu

Models have random weights in the shapes of Qwen3-0.6B and Qwen3-4B, built on the spot (see `benchmarks.shapes`), in
bfloat16 on CUDA. Every way runs on the same prompts, chats or pairs. Sampling stands beside the bound that memory
bandwidth sets, training beside the fastest matrix product, both measured in the same run. The last row is the
starter's whole run on the device.

Models live in a process of their own, a part that fails or takes too long is a row with the reason, and the table on
disk is whole after every row. Nothing is downloaded. Left out: several devices, and quantised weights.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from typing import Any

import torch
from rich.console import Console

from benchmarks.figures import Figures, Row, in_words, reason
from benchmarks.inference import inference_rows
from benchmarks.machine import Bounds, device_facts, measure_bounds
from benchmarks.shapes import SHAPES, Shape, Texts, parameters
from benchmarks.training import (
    Trained,
    TrainingFailed,
    Which,
    flops_per_pair,
    new_job,
    train_timed,
    write_pairs,
)
from policy.model import choose_device, choose_dtype

PARTS = ("sampling", "judging", "training", "run")
INFERENCE_LIMIT_S, TRAINING_LIMIT_S, RUN_LIMIT_S = 170.0, 110.0, 240.0
"""The most that one model's sampling and judging, one training process, and the starter's run may take."""

RUN_SHARE_S = 150.0
"""Kept for the starter's run, which comes last."""


@dataclass(frozen=True)
class Plan:
    """What is asked for, and until when (`deadline`, on the monotonic clock)."""

    device: torch.device
    parts: tuple[str, ...]
    deadline: float
    folder: Path
    config: Path
    overrides: tuple[str, ...]

    def left(self, most: float, kept: float = 0.0) -> float:
        """Seconds that a part may take: what is left but for `kept`, and at most `most`."""
        return min(most, self.deadline - time.monotonic() - kept)

    @property
    def kept(self) -> float:
        return RUN_SHARE_S if "run" in self.parts else 0.0


def measure(plan: Plan, shapes: list[Shape], figures: Figures) -> None:
    """Fill the table, part by part."""
    dtype = choose_dtype("auto", plan.device)
    figures.facts |= device_facts(plan.device)
    bounds = measure_bounds(plan.device, dtype)
    name = str(dtype).removeprefix("torch.")
    figures.facts["measured bounds"] = (
        f"memory {bounds.bandwidth / 1e12:.3g} TB/s (bytes read and written by a large copy), "
        f"{name} matrix product {bounds.matmul / 1e12:.4g} TFLOP/s"
    )
    figures.write()
    if plan.device.type == "cuda":
        torch.cuda.empty_cache()
    for shape in shapes:
        _infer(plan, shape, bounds, figures)
        if "training" in plan.parts:
            _train(plan, shape, bounds, figures)
        shutil.rmtree(plan.folder / shape.name, ignore_errors=True)
    if "run" in plan.parts:
        figures.add(_run_starter(plan))


def _infer(plan: Plan, shape: Shape, bounds: Bounds, figures: Figures) -> None:
    """Sampling and judging of one model, in a process that is ended when it takes too long."""
    limit = plan.left(INFERENCE_LIMIT_S, plan.kept)
    if limit <= 0:
        figures.add(Row("sampling, judging", shape.name, "all", note="no time left"))
        return
    context = get_context("spawn")
    queue: Any = context.Queue()
    arguments = (shape, plan.device, bounds, plan.parts, plan.folder / shape.name, limit, queue)
    process = context.Process(target=inference_rows, args=arguments, daemon=True)
    process.start()
    end = time.monotonic() + limit
    while True:
        try:
            row = queue.get(timeout=1.0)
        except Empty:
            if process.is_alive() and time.monotonic() < end:
                continue
            why = f"stopped after {limit:.0f} s" if process.is_alive() else f"exit code {process.exitcode}"
            figures.add(Row("sampling, judging", shape.name, "the rest", note=f"the process ended: {why}"))
            break
        if row is None:
            break
        figures.add(row)
        say(row)
    process.kill()
    process.join()


def _train(plan: Plan, shape: Shape, bounds: Bounds, figures: Figures) -> None:
    """trl's defaults and ours on the same pairs and the folder that the inference process has saved."""
    work, folder = shape.work, plan.folder / shape.name
    model, pairs_file = folder / "model", folder / "pairs.jsonl"
    pairs = Texts(shape, seed=2).pairs()
    write_pairs(pairs, pairs_file)
    tokens = sum(_words(pair) for pair in pairs) / len(pairs)
    bound = bounds.matmul / flops_per_pair(parameters(shape), tokens, work.lora)
    ways: tuple[tuple[Which, str], ...] = (("plain", "DPOTrainer as it comes"), ("ours", "rlaif"))
    for which, way in ways:
        row = Row("training", shape.name, way, unit="pairs/s", bound=bound, basis="MFU 100%")
        limit = plan.left(TRAINING_LIMIT_S, plan.kept)
        job = new_job(model, pairs_file, folder / which, str(plan.device), work.lora)
        try:
            if limit <= 0:
                raise TrainingFailed("no time left")
            if not (model / "config.json").exists():
                raise TrainingFailed(
                    "there is no model to train: sampling and judging ended before it was saved"
                )
            trained = train_timed(which, job, folder / which, len(pairs), limit)
            row = _trained(row, trained, work.lora, tokens)
        except Exception as error:
            row = replace(row, note=reason(error))
        shutil.rmtree(folder / which, ignore_errors=True)
        figures.add(row)
        say(row)


def _trained(row: Row, trained: Trained, lora: bool, tokens: float) -> Row:
    weights = "LoRA" if lora else "full weights"
    reference = (
        f", reference beforehand {trained.reference_seconds:.1f} s" if trained.reference_seconds else ""
    )
    return replace(
        row,
        rate=trained.pairs_per_second,
        seconds=trained.process_seconds,
        peak_bytes=trained.peak_bytes,
        note=f"{trained.pairs} pairs of {tokens:.0f} tokens, {weights}, {trained.steps} steps{reference}; "
        "seconds are the process's, loading and saving included",
    )


def _words(pair: dict[str, list[dict[str, str]]]) -> int:
    """Tokens of both sequences of a pair, the template's around them included."""
    prompt, chosen, rejected = (
        len(pair[key][0]["content"].split()) for key in ("prompt", "chosen", "rejected")
    )
    return 2 * (prompt + 3) + chosen + rejected + 2


def _run_starter(plan: Plan) -> Row:
    """`rlaif run` of the starter's configuration, in a folder of its own."""
    row = Row("run", "starter", f"rlaif run {plan.config} --set policy.device={plan.device}")
    limit = plan.left(RUN_LIMIT_S)
    if limit <= 0:
        return replace(row, note="no time left")
    overrides = (f"policy.device={plan.device}", f"output={plan.folder / 'runs'}", *plan.overrides)
    options = [part for override in overrides for part in ("--set", override)]
    command = [sys.executable, "-m", "loop.cli", "run", str(plan.config), "--json", *options]
    start = time.monotonic()
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return replace(row, note=f"stopped after {limit:.0f} s")
    seconds = time.monotonic() - start
    if done.returncode != 0:
        return replace(
            row, seconds=seconds, note=f"exit code {done.returncode}: {done.stderr.strip()[-300:]}"
        )
    summary = json.loads(done.stdout)
    stages: dict[str, float] = {}
    for played in summary["rounds"]:
        for stage, lasted in played["seconds"].items():
            stages[stage] = stages.get(stage, 0.0) + lasted
    return replace(
        row,
        rate=len(summary["rounds"]) / summary["wall_seconds"],
        unit="rounds/s",
        seconds=seconds,
        note=f"{len(summary['rounds'])} rounds: {in_words(stages)}; the rest is start and building the starter",
    )


def say(row: Row) -> None:
    """A line as soon as a row is there."""
    rate = "failed" if row.rate is None else f"{row.rate:,.1f} {row.unit}"
    print(f"{row.part} · {row.model} · {row.way}: {rate} {row.note}", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> Figures:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--shapes", default="qwen3-0.6b,qwen3-4b", help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--out", type=Path, help="write OUT.md and OUT.json, after every row")
    parser.add_argument(
        "--budget", type=float, default=540.0, help="seconds; what has not begun by then is left out"
    )
    parser.add_argument("--config", type=Path, default=Path("configs/starter.yaml"))
    parser.add_argument(
        "--set", dest="overrides", action="append", default=[], help="KEY=VALUE for the starter's run"
    )
    given = parser.parse_args(arguments)
    os.environ |= {
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    figures = Figures("Sampling, judging and training on one device", given.out)
    with tempfile.TemporaryDirectory(prefix="rlaif-gpu-") as folder:
        plan = Plan(
            device=choose_device(given.device),
            parts=tuple(given.only.split(",")),
            deadline=time.monotonic() + given.budget,
            folder=Path(folder),
            config=given.config,
            overrides=tuple(given.overrides),
        )
        measure(plan, [SHAPES[name] for name in given.shapes.split(",")], figures)
    figures.show(Console(width=200))
    return figures


if __name__ == "__main__":
    main()
