"""Our local judge beside `pipeline("decision")` of transformers: same model, same chats, same labels, in one run.

    python -m benchmarks.local_judge --prompts 300 --out results/local_judge

Both put every two of four answers to the starter policy in both presentation orders and read the probabilities of
its two labels. The pipeline is given our chats whole (as its decision template), so both read the same tokens. It
reads one prompt at a time; ours renders, orders and batches them and computes once what chats begin with. The two
take turns, so that whatever else the machine does hits both.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
import transformers
from numpy.typing import NDArray
from rich.console import Console
from transformers.decision import DecisionConfig

from benchmarks.figures import Figures, Row
from benchmarks.machine import device_facts
from judge.local import LocalJudge
from judge.presentation import present
from judge.ranks.ranking import round_robin
from judge.settings import LocalJudgeSettings
from loop.config import load_config
from loop.wording import read_prompts
from policy.model import LoadedPolicy, choose_device, load_policy
from policy.sampler import LocalSampler
from policy.scorer import PolicyScorer
from policy.settings import PolicySettings, SamplerSettings
from policy.starter.build import ensure_starter
from prompts.constitution import load_constitution
from prompts.template import load_template
from store.records import Comparison, Sample, Verdict

ANSWERS = 4
TURNS = 3
"""The two ways take turns this often, each on a part of its own of the comparisons."""

WHOLE_CHAT = "<|user|>{{ state }}<|end|><|assistant|>"
"""The starter's chat template around a text that is already the judge's whole user turn."""


def comparisons_of(policy: LoadedPolicy, prompts: int) -> list[Comparison]:
    """Every two answers to so many of the starter's prompts, drawn from the starter itself."""
    config = load_config(Path("configs/starter.yaml"), [f"prompts.max_train={prompts}"])
    asked = read_prompts(config).train
    constitution = load_constitution("starter").hash
    by_prompt: dict[str, list[Sample]] = {}
    sampler = LocalSampler(policy, SamplerSettings(k=ANSWERS, max_new_tokens=48))
    for sample in sampler.sample(asked, ANSWERS, seed=1, round=1, purpose="train"):
        by_prompt.setdefault(sample.prompt_id, []).append(sample)
    return [
        comparison
        for prompt in asked
        for comparison in round_robin(prompt, by_prompt[prompt.id], constitution, 1, "train")
    ]


def ours(judge: LocalJudge, comparisons: Sequence[Comparison]) -> tuple[NDArray[np.float64], float]:
    """Probability that the first sample is better, for each comparison, and the seconds it took."""
    start = time.perf_counter()
    verdicts = asyncio.run(_all(judge, comparisons))
    return np.array([verdict.p_first for verdict in verdicts], dtype=np.float64), time.perf_counter() - start


async def _all(judge: LocalJudge, comparisons: Sequence[Comparison]) -> list[Verdict]:
    return [verdict async for verdict in judge.compare(comparisons)]


def theirs(
    decide: transformers.Pipeline, labels: tuple[str, str], comparisons: Sequence[Comparison]
) -> tuple[NDArray[np.float64], float]:
    """The same by the pipeline: the mean of the two orders' logits, as ours."""
    template, constitution = load_template("starter"), load_constitution("starter")
    question = {"type": "choice", "criteria": dict.fromkeys(labels)}
    start = time.perf_counter()
    logits = []
    for comparison in comparisons:
        logit = 0.0
        for presented in present(comparison, template, constitution):
            (message,) = presented.messages
            answers = decide({"state": message.content, "questions": {"better": question}})
            given = answers["better"]["probabilities"]
            sign = 1.0 if presented.first_shown_first else -1.0
            logit += sign * 0.5 * float(np.log(given[labels[0]]) - np.log(given[labels[1]]))
        logits.append(logit)
    return 1.0 / (1.0 + np.exp(-np.array(logits))), time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prompts", type=int, default=300)
    parser.add_argument("--out", type=Path, help="write the table to OUT.md and OUT.json")
    arguments = parser.parse_args()
    folder = ensure_starter()
    policy = load_policy(PolicySettings(model="starter"), folder)
    template = load_template("starter")
    judge = LocalJudge(PolicyScorer(policy), template, load_constitution("starter"), LocalJudgeSettings())
    decide = transformers.pipeline(
        "decision",
        model=str(folder),
        device="cpu",
        decision_config=DecisionConfig(labels={"choice": list(template.labels)}, chat_template=WHOLE_CHAT),
    )
    comparisons = comparisons_of(policy, arguments.prompts)
    ours(judge, comparisons[:50])
    theirs(decide, template.labels, comparisons[:5])
    rates: dict[str, list[float]] = {"pipeline": [], "rlaif": []}
    apart: list[float] = []
    share = max(1, len(comparisons) // TURNS)
    for turn in range(TURNS):
        part = comparisons[turn * share : (turn + 1) * share]
        few = part[: max(1, len(part) // 8)]
        expected, seconds = theirs(decide, template.labels, few)
        rates["pipeline"].append(len(few) / seconds)
        found, seconds = ours(judge, part)
        rates["rlaif"].append(len(part) / seconds)
        apart.append(float(np.abs(found[: len(few)] - expected).max()))
    figures = Figures("Local judge", arguments.out)
    figures.facts = device_facts(choose_device("cpu"))
    unit = "comparisons/s"
    figures.add(Row("judge", "starter", 'pipeline("decision")', rate=median(rates["pipeline"]), unit=unit))
    note = f"largest difference of p_first: {max(apart):.1e}"
    figures.add(Row("judge", "starter", "rlaif", rate=median(rates["rlaif"]), unit=unit, note=note))
    figures.show(Console(file=sys.stdout))


if __name__ == "__main__":
    main()
