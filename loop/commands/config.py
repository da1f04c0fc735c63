"""`rlaif config check`: everything that can be said about a configuration before it costs anything."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from loop.check import check, missing_secrets
from loop.config import RunConfig, load_config
from prompts.sets import PromptSet
from review.visible import one_line, visible

_SHOWN = 5


def check_config(path: Path, assignments: Sequence[str]) -> None:
    """Check the configuration and print what it comes to; refusals are raised."""
    config = load_config(path, assignments)
    prompts = check(config, secrets=False)
    console = Console()
    console.print(Text(f"{path}: ").append("fine", style="green"))
    for line in (*_notes(config, prompts), f"configuration {config.content_hash}"):
        console.print(Text(f"  {visible(line)}"), soft_wrap=True)


def _notes(config: RunConfig, prompts: PromptSet) -> Iterator[str]:
    yield f"{len(prompts.train):,} train and {len(prompts.heldout):,} held-out prompts from {config.prompts.source}"
    if prompts.duplicates:
        yield f"{prompts.duplicates:,} rows that repeat one before were left out"
    for reason, count in sorted(prompts.skipped.items()):
        yield f"{count:,} left out: {reason}"
    if prompts.near_duplicates:
        yield f"{len(prompts.near_duplicates):,} held-out prompts nearly repeat a train prompt:"
        for near in prompts.near_duplicates[:_SHOWN]:
            pair = f"{one_line(near.heldout.text, 60)} ~ {one_line(near.train.text, 60)}"
            yield f"  {near.similarity:.2f}  {pair}"
    yield f"policy {config.policy.model}; judge {config.judge.kind}, constitution {config.judge.constitution}"
    for sentence in missing_secrets(config):
        yield f"before the run: {sentence}"
    if config.gate.evidence == "judge":
        yield "gate.evidence is judge: no label is asked for, and every decision will be called unaudited"
    elif config.reviewer.kind == "simulated":
        yield f"a simulated reviewer gives {config.gate.labels} labels a round at the gate"
    else:
        yield f"people are asked for {config.gate.labels} labels a round at the gate (waiting: {config.gate.wait})"
