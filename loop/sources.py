"""Where a run's prompts and its first policy come from: files, the hub, or the starter."""

from judge.settings import JudgeBase
from loop.config import RunConfig
from loop.errors import RunStopped
from loop.progress import Progress
from policy.checkpoint import checkpoint_of
from policy.settings import PolicySettings
from policy.source import STARTER, policy_folder
from policy.starter.build import ensure_starter
from policy.starter.tasks import starter_prompts
from prompts.hashing import content_hash
from prompts.sets import PromptSet, load_prompts
from prompts.shipped import read_named
from store.records import Checkpoint
from store.run import RunStore

STARTER_PROMPTS = 400
"""Train and held-out prompts drawn of the starter's, each, where the configuration sets no number."""


def read_prompts(config: RunConfig) -> PromptSet:
    """The run's prompts. Raises `prompts.errors.PromptsError` listing every bad row."""
    settings = config.prompts
    if settings.source != STARTER:
        return load_prompts(settings)
    train, heldout = starter_prompts(
        config.seed, settings.max_train or STARTER_PROMPTS, settings.max_heldout or STARTER_PROMPTS
    )
    return PromptSet(train=tuple(train), heldout=tuple(heldout))


def keep_prompts(store: RunStore, prompts: PromptSet) -> None:
    """Store the prompts at the first call; later, raise RunStopped unless they are still the same."""
    kept = [*store.prompts("train"), *store.prompts("heldout")]
    now = [*prompts.train, *prompts.heldout]
    if not kept:
        store.add_prompts(now)
        return
    gone = {p.id for p in kept} ^ {p.id for p in now}
    if gone or [p.id for p in kept] != [p.id for p in now]:
        raise RunStopped(
            f"run {store.record.name}: its prompts have changed since it began ({len(gone)} added or gone). "
            "Put the old prompts back, or start a new run with --name."
        )


def find_policy(settings: PolicySettings, progress: Progress) -> Checkpoint:
    """The policy named by `settings`, as a checkpoint of round 0: built, fetched or found.

    Raises `policy.errors.PolicyRefused` for one that must not or cannot be loaded.
    """
    if settings.model == STARTER:
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


def wording(judge: JudgeBase) -> dict[str, str]:
    """The texts of the judge's template and constitution by content hash, for provenance."""
    texts = [
        read_named("template", "judge", (".txt",), judge.template)[2],
        read_named("constitution", "constitutions", (".yaml", ".yml"), judge.constitution)[2],
    ]
    return {content_hash(text): text for text in texts}
