"""How often a run ships a policy that is truly worse than one it had: with the gate, and on the judge's word.

For each seed the starter's run is played twice, once with the gate that ships with it and once with
`gate.evidence: judge`, both for the same number of rounds whatever is kept. Afterwards every policy that a run held is
scored by the answer key on the same held-out prompts, with several fresh answers a prompt, so that the score does not
come from the answers that decided. "Truly worse" means worse than the best policy the run held before or at the end,
by more than two standard errors of the difference over prompts.

    python -m benchmarks.trust --seeds 20 --rounds 5
"""

import argparse
import json
import logging
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from loop.config import RunConfig, load_config
from loop.rounds import run
from loop.wording import read_prompts
from policy.model import load_policy
from policy.sampler import LocalSampler
from policy.starter.answer_key import true_score
from prompts.prompt import Prompt
from store.store import Store

ANSWERS = 4
"""Fresh answers a held-out prompt that a policy's true score stands on."""


@dataclass(frozen=True)
class Outcome:
    """One run: the true score of each policy it held, in order (the initial one first), and what it shipped."""

    seed: int
    evidence: str
    held: tuple[float, ...]
    shipped: float
    best: float
    truly_worse: bool
    worse_promotions: int
    promotions: int
    rounds: int
    seconds: float


def play(config_path: Path, output: Path, seed: int, rounds: int, evidence: str) -> Outcome:
    """Play one run and score every policy it held."""
    start = time.monotonic()
    overrides = [f"seed={seed}", f"gate.evidence={evidence}", f"gate.patience={rounds}", f"output={output}"]
    overrides.append(f"store.url=sqlite:///{output}/{evidence}-{seed}.db")
    config = load_config(config_path, overrides)
    name = f"{evidence}-{seed}"
    summary = run(config, name=name, rounds=rounds)
    heldout = read_prompts(config).heldout
    with Store.open(config.store_url) as store:
        units = store.run(name)
        initial = next(c for c in units.checkpoints() if c.round == 0)
        revisions = [initial.id, *(d.policy for d in units.decisions() if d.kind == "promote")]
        paths = {c.id: Path(c.path) for c in units.checkpoints()}
    scores = np.array([prompt_scores(config, paths[revision], heldout) for revision in revisions])
    means = scores.mean(axis=1)
    best, shipped = int(means.argmax()), len(revisions) - 1
    return Outcome(
        seed=seed,
        evidence=evidence,
        held=tuple(round(float(mean), 4) for mean in means),
        shipped=float(means[shipped]),
        best=float(means[best]),
        truly_worse=clearly_worse(scores[shipped], scores[best]),
        worse_promotions=sum(clearly_worse(after, before) for before, after in pairwise(scores)),
        promotions=shipped,
        rounds=len(summary.rounds),
        seconds=time.monotonic() - start,
    )


def prompt_scores(config: RunConfig, path: Path, heldout: tuple[Prompt, ...]) -> NDArray[np.float64]:
    """Mean true score of fresh answers to each held-out prompt, shape (len(heldout),)."""
    policy = load_policy(config.policy, path)
    sampler = LocalSampler(policy, config.sampler)
    scores: dict[str, list[float]] = {prompt.id: [] for prompt in heldout}
    prompts = {prompt.id: prompt for prompt in heldout}
    for sample in sampler.sample(heldout, ANSWERS, seed=config.seed + 1_000_003, round=0, purpose="gate"):
        scores[sample.prompt_id].append(true_score(prompts[sample.prompt_id], sample.text))
    policy.close()
    return np.array([fmean(scores[prompt.id]) for prompt in heldout])


def clearly_worse(scores: NDArray[np.float64], others: NDArray[np.float64]) -> bool:
    """Whether `scores` are below `others` by more than two standard errors of the paired difference."""
    difference = others - scores
    if not difference.any():
        return False
    return bool(difference.mean() > 2.0 * difference.std(ddof=1) / np.sqrt(len(difference)))


def show(outcomes: list[Outcome], console: Console) -> None:
    table = Table(title=f"{max(o.rounds for o in outcomes)} rounds a run")
    for heading in (
        "decides",
        "runs",
        "ship a truly worse policy",
        "promotions",
        "of them truly worse",
        "true score: initial",
        "best",
        "shipped",
        "shipped / best (mean)",
        "(worst)",
    ):
        table.add_column(heading, justify="right")
    for evidence, name in (("labels", "gate, corrected by labels"), ("judge", "the judge's word alone")):
        own = [o for o in outcomes if o.evidence == evidence]
        if own:
            shares = [o.shipped / o.best for o in own]
            table.add_row(
                name,
                str(len(own)),
                str(sum(o.truly_worse for o in own)),
                str(sum(o.promotions for o in own)),
                str(sum(o.worse_promotions for o in own)),
                f"{fmean(o.held[0] for o in own):.2f}",
                f"{fmean(o.best for o in own):.2f}",
                f"{fmean(o.shipped for o in own):.2f}",
                f"{fmean(shares):.1%}",
                f"{min(shares):.1%}",
            )
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=Path("configs/starter.yaml"))
    parser.add_argument("--output", type=Path, default=Path("runs/trust"))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2, help="runs at once; they share the cores")
    parser.add_argument("--json", type=Path, help="write every outcome here")
    arguments = parser.parse_args()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    console = Console(file=sys.stdout)
    # Read by the workers and by the training processes they start: threads that outnumber the cores wait on each other.
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // arguments.workers))
    jobs = [(seed, evidence) for seed in range(arguments.seeds) for evidence in ("labels", "judge")]
    outcomes = []
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
        futures = [
            pool.submit(play, arguments.config, arguments.output, seed, arguments.rounds, evidence)
            for seed, evidence in jobs
        ]
        for future in as_completed(futures):
            outcome = future.result()
            outcomes.append(outcome)
            held = " → ".join(f"{score:.2f}" for score in outcome.held)
            console.print(f"seed {outcome.seed}, {outcome.evidence}: held {held} ({outcome.seconds:.0f} s)")
    outcomes.sort(key=lambda o: (o.evidence, o.seed))
    show(outcomes, console)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1) + "\n")


if __name__ == "__main__":
    main()
