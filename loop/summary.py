"""What a run came to: the object `run` returns, `--json` prints and `runs/NAME/summary.json` holds.

Everything in it is read from the store, so it can be made again at any time, for a run in any state.
"""

from pathlib import Path

from pydantic import Field

from judge.cost import JudgeCost, spent_by
from loop.standings import LeagueRating, last_league
from prompts.settings import Settings
from review.rounds import RoundSummary, rounds_of
from review.stopping import why_stopped
from store.judge_usage import usage_by_round
from store.records import StageMarker
from store.run import RunStore

PROMPTS = "prompts"
"""Stage name under which round 0 keeps how many prompts the run uses."""


class PromptCounts(Settings):
    """How many prompts the run uses, and how many it does not, by reason.

    `duplicates` repeated a row before them and are used once; `near_duplicates` are held-out prompts that nearly
    repeat a train prompt.
    """

    train: int = 0
    heldout: int = 0
    duplicates: int = 0
    near_duplicates: int = 0
    left_out: dict[str, int] = Field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The counts in words; what is zero goes without saying."""
        parts = [f"{self.train:,} train and {self.heldout:,} held-out prompts"]
        parts += [f"{count:,} left out ({reason})" for reason, count in sorted(self.left_out.items())]
        parts += [f"{self.duplicates:,} repeated rows"] if self.duplicates else []
        parts += (
            [f"{self.near_duplicates:,} held-out nearly repeat a train prompt"]
            if self.near_duplicates
            else []
        )
        return "; ".join(parts)


class RunSummary(Settings):
    run: str
    seed: int
    device: str
    simulated_reviewer: bool
    """Whether the labels came from a simulated reviewer, not from people."""
    prompts: PromptCounts = PromptCounts()
    rounds: list[RoundSummary]
    stopped: str
    """Why there are no more rounds; where some follow, how many were played."""
    finished: bool = True
    policy: str
    """The revision that ships; empty where the run has not come to its first policy."""
    league: list[LeagueRating] = Field(default_factory=list)
    """Every policy of the run by the judge's word, by round; empty where no league was played."""
    report: str
    wall_seconds: float
    judge_cost: JudgeCost = JudgeCost()


def summarise(store: RunStore, folder: Path, rounds_wanted: int | None = None) -> RunSummary:
    """Read the summary of the run from its store; a round counts from its first finished stage.

    `rounds_wanted` is how many were asked for, where it is not what the configuration says.
    """
    run = store.record
    markers: dict[int, dict[str, StageMarker]] = {}
    for marker in store.markers():
        markers.setdefault(marker.round, {})[marker.stage] = marker
    prompts = markers.get(0, {}).get(PROMPTS)
    rounds = rounds_of(store, usage_by_round(store))
    played = sum("gate" in stages for stages in markers.values())
    wanted = rounds_wanted or run.config["rounds"]
    stopped = why_stopped(store.decisions(), played, wanted, run.config["gate"]["patience"])
    return RunSummary(
        run=run.name,
        seed=run.seed,
        device=run.device,
        simulated_reviewer=run.config.get("reviewer", {}).get("kind") == "simulated",
        prompts=PromptCounts.model_validate(prompts.counts) if prompts else PromptCounts(),
        rounds=rounds,
        stopped=stopped or f"{played} of {wanted} rounds are played",
        finished=stopped is not None,
        policy=store.current_policy() if store.checkpoints() else "",
        league=table.standings if (table := last_league(store)) else [],
        report=str(folder / "report.html"),
        wall_seconds=round(sum(sum(r.seconds.values()) for r in rounds), 3),
        judge_cost=spent_by(store),
    )


def write_summary(summary: RunSummary, folder: Path) -> Path:
    """Write `summary.json` into the run's folder, whole or not at all."""
    path = folder / "summary.json"
    draft = path.with_suffix(".json.tmp")
    draft.write_text(summary.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return draft.replace(path)
