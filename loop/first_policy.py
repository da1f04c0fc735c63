"""The policy a run starts from: the starter, a folder, or a hub model, named by the hash of its files."""

from loop.errors import RunStopped
from loop.progress import Progress
from policy.checkpoint import checkpoint_of
from policy.settings import PolicySettings
from policy.source import STARTER, policy_folder
from policy.starter.build import ensure_starter, is_built
from store.records import Checkpoint
from store.run import RunStore


def find_policy(settings: PolicySettings, progress: Progress) -> Checkpoint:
    """The policy named by `settings`, as a checkpoint of round 0: built, fetched or found.

    Raises `policy.errors.PolicyRefused` for one that must not or cannot be loaded.
    """
    if settings.model == STARTER and is_built():
        folder = ensure_starter()
    elif settings.model == STARTER:
        with progress.stage("build the starter policy", None, "steps") as bar:
            folder = ensure_starter(progress=bar.move_to)
    else:
        folder = policy_folder(settings, settings.model, settings.revision)
    return checkpoint_of(folder.resolve(), round=0)


def find_initial(store: RunStore, settings: PolicySettings, progress: Progress) -> Checkpoint:
    """The run's first policy; raises RunStopped where it is no longer the one the run began with."""
    found = find_policy(settings, progress)
    kept = [checkpoint for checkpoint in store.checkpoints() if checkpoint.round == 0]
    if not kept:
        store.add_checkpoint(found)
        return found
    if kept[0].id != found.id:
        raise RunStopped(
            f"run {store.record.name} began with policy {kept[0].id}, but {settings.model} is {found.id} now. "
            "Put the old files back, or start a new run with --name."
        )
    return kept[0].model_copy(update={"path": found.path})
