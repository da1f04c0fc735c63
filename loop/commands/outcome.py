"""What is shown of a run in the terminal: its rounds, why each was decided so, and what to do next."""

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from loop.config import RunConfig, load_config
from loop.summary import RunSummary
from loop.table import rounds_table
from review.visible import visible

DEFAULT_OUTPUT = Path("runs")


@dataclass(frozen=True)
class Invocation:
    """How a run was asked for on the command line, so that it can be asked for again."""

    path: Path
    rounds: int | None
    assignments: Sequence[str]
    name: str | None
    store: str | None

    @property
    def run(self) -> str:
        """The run's name."""
        return self.name or self.path.stem

    def config(self) -> RunConfig:
        """The configuration with everything that the command line sets. Raises ConfigError."""
        placed = [f"store={json.dumps({'url': self.store})}"] if self.store else []
        return load_config(self.path, [*placed, *self.assignments])

    def command(
        self, *, rounds: int | None = None, name: str | None = None, assignments: Sequence[str] = ()
    ) -> str:
        """The command that asks for the same run again, or for one that differs in this."""
        words = ["rlaif", "run", str(self.path)]
        for option, value in (
            ("--rounds", rounds or self.rounds),
            ("--name", name or self.name),
            ("--store", self.store),
        ):
            words += [option, str(value)] if value is not None else []
        for assignment in (*self.assignments, *assignments):
            words += ["--set", assignment]
        return shlex.join(words)


def show_rounds(console: Console, summary: RunSummary) -> None:
    """The table of rounds and the reason of each decision."""
    if not summary.rounds:
        console.print(Text(f"{visible(summary.run)}: no stage of a round has finished yet."))
        return
    console.print(rounds_table(summary))
    for r in summary.rounds:
        if r.reason:
            console.print(
                Text(f"Round {r.index}: ", style="bold").append(visible(r.reason), style="not bold")
            )
    tried = [(r.index, r.canaries.null_wins) for r in summary.rounds if r.canaries and r.canaries.null_wins]
    if tried:
        rates = ", ".join(f"{rate.value:.2f} in round {index}" for index, rate in tried)
        console.print(Text(f"Null answers put to the judge won {rates}.", "dim"))
    if summary.prompts.left_out:
        console.print(Text(f"{summary.prompts.sentence}.", "dim"))
    if summary.simulated_reviewer:
        console.print(
            Text("Labels are those of the simulated reviewer, who answers from the answer key.", "dim")
        )
    if any(r.true_score for r in summary.rounds):
        console.print(
            Text("True scores are by the answer key, for you to see; no decision reads them.", "dim")
        )


def show_outcome(console: Console, summary: RunSummary, config: RunConfig, asked: Invocation) -> None:
    """Everything shown when a run has stopped."""
    show_rounds(console, summary)
    console.print()
    for term, value in (
        ("Stopped", f"{summary.stopped}."),
        ("Policy", summary.policy),
        ("Report", summary.report),
        *([("Judge", f"{summary.judge_cost.sentence}.")] if summary.judge_cost.calls else []),
    ):
        line = Text(f"{term + ':':9}", style="bold").append(visible(value), style="not bold")
        console.print(line, soft_wrap=True)
    console.print()
    console.print(Text("Try next", style="bold"))
    for what, command in next_steps(summary, config, asked):
        console.print(Text(f"  {what}").append(f"\n    {command}", style="cyan"), soft_wrap=True)


def next_steps(summary: RunSummary, config: RunConfig, asked: Invocation) -> Iterator[tuple[str, str]]:
    """What to do with this run, and the command that does it."""
    name, where = shlex.quote(summary.run), _where(config)
    if config.reviewer.kind == "people":
        yield "label what waits, blind", f"rlaif review next --all --run {name}{where}"
    yield "walk the policy back to what made it", f"rlaif show {summary.policy} --run {name}{where}"
    yield "use the policy elsewhere", f"rlaif policy export {name} {name}-policy{where}"
    if any(r.pairs for r in summary.rounds):
        yield "take the preference pairs", f"rlaif export pairs {name} --out {name}-pairs.jsonl{where}"
    kept = list(takewhile(lambda r: r.decision == "keep", reversed(summary.rounds)))
    if len(kept) >= config.gate.patience:
        # The gate has ended this run, and its configuration is fixed: going on means another run.
        again, seed = f"{summary.run}-seed{config.seed + 1}", f"seed={config.seed + 1}"
        yield "see whether another seed tells the same", asked.command(name=again, assignments=[seed])
    else:
        yield "play two more rounds", asked.command(rounds=len(summary.rounds) + 2)
    yield "see what can be configured, such as your model and judge", "rlaif config reference"


def _where(config: RunConfig) -> str:
    """Options that find the store of a run that is not in the default place; a secret URL by its variable."""
    if config.store.url_env:
        return f' --store "${config.store.url_env}"'
    store = f" --store {shlex.quote(config.store.url)}" if config.store.url else ""
    return store + ("" if config.output == DEFAULT_OUTPUT else f" --output {shlex.quote(str(config.output))}")
