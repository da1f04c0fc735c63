"""`rlaif policy`: the revisions of a run, going back to one, taking one elsewhere."""

from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console
from rich.text import Text

from loop.commands.opening import open_store, selected_runs
from loop.errors import RunNotFound, RunStopped
from loop.table import policies_table
from policy.checkpoint import export_checkpoint, verify_checkpoint
from review.visible import visible
from store.errors import NotFound
from store.records import Checkpoint, Decision
from store.run import RunStore
from store.store import Store


def list_policies(name: str | None, url: str | None, output: Path) -> None:
    """Every revision of the run, or of all runs, with the gate's decision on it."""
    console = Console()
    with open_store(url, output) as store:
        for run in selected_runs(store, name):
            decisions = {d.candidate: d for d in run.decisions() if d.kind != "rollback" and d.candidate}
            checkpoints = run.checkpoints()
            current = run.current_policy() if checkpoints else ""
            console.print(Text(f"run {visible(run.name)}", style="bold"))
            console.print(policies_table(checkpoints, decisions, current))


def roll_back(name: str, revision: str, reason: str, url: str | None, output: Path) -> None:
    """Make `revision` the policy of the run; what was decided before stays on record.

    Raises RunStopped while a round is under way: its answers came from the policy it started with.
    """
    with open_store(url, output) as store:
        run = store.run(name)
        checkpoint = _revision(store, run, revision)
        verify_checkpoint(checkpoint)
        lock = output / name / "run.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(lock, timeout=0):
                run.add_decision(_decision(run, checkpoint, reason))
        except Timeout as error:
            raise RunStopped(
                f"run {name} is going on in another process; stop it or let it end first"
            ) from error
    Console().print(
        Text(
            f"{name}: the policy is {checkpoint.id} (round {checkpoint.round}); the next round starts from it"
        )
    )


def export_policy(name: str, folder: Path, revision: str | None, url: str | None, output: Path) -> None:
    """Copy a revision, by default the one that ships, to a new folder."""
    with open_store(url, output) as store:
        run = store.run(name)
        if revision is None and not run.checkpoints():
            raise RunNotFound(f"run {name} has not come to its first policy; go on with `rlaif run`")
        checkpoint = _revision(store, run, revision or run.current_policy())
        decisions = [d.model_dump(mode="json") for d in run.decisions() if d.candidate == checkpoint.id]
        record = run.record.model_dump(mode="json", include={"name", "seed", "config_hash", "config"})
        export_checkpoint(checkpoint, folder, {"run": record, "decisions": decisions})
    Console().print(Text(f"{checkpoint.id} is in {folder}"), soft_wrap=True)


def _revision(store: Store, run: RunStore, revision: str) -> Checkpoint:
    found = store.find(revision, run.name)
    if found.kind != "checkpoint":
        raise NotFound(
            f"{found.id} is a {found.kind}; revisions begin with rev_ (`rlaif policy list {run.name}`)"
        )
    return run.checkpoint(found.id)


def _decision(run: RunStore, checkpoint: Checkpoint, reason: str) -> Decision:
    decided = max((d.round for d in run.decisions()), default=0)
    begun = max((marker.round for marker in run.markers()), default=0)
    if begun > decided:
        raise RunStopped(
            f"round {begun} of run {run.name} is under way, with answers of the policy it started from; finish it with "
            "`rlaif run` first"
        )
    return Decision(
        round=decided,
        kind="rollback",
        policy=checkpoint.id,
        incumbent=run.current_policy(),
        reason=reason or "Set by hand.",
    )
