"""The words a run is made of: its prompts, and the judge's template and constitution."""

from collections.abc import Iterable, Iterator

from judge.settings import ApiJudgeSettings, JudgeBase, critic_settings
from loop.config import RunConfig
from loop.errors import RunStopped
from loop.progress import Progress
from loop.summary import PROMPTS, PromptCounts
from policy.source import STARTER
from policy.starter.tasks import starter_prompts
from prompts.hashing import content_hash
from prompts.sets import PromptSet, load_prompts
from prompts.shipped import read_named
from store.records import StageMarker
from store.run import RunStore

STARTER_PROMPTS = 400
"""Train and held-out prompts drawn of the starter's, each, where the configuration sets no number."""


def read_prompts(config: RunConfig) -> PromptSet:
    """The run's prompts. Raises `prompts.errors.PromptError` listing every bad row."""
    settings = config.prompts
    if settings.source != STARTER:
        return load_prompts(settings)
    train, heldout = starter_prompts(
        config.seed, settings.max_train or STARTER_PROMPTS, settings.max_heldout or STARTER_PROMPTS
    )
    return load_prompts(settings, starter=PromptSet(train=tuple(train), heldout=tuple(heldout)))


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


def count_prompts(store: RunStore, prompts: PromptSet, progress: Progress) -> None:
    """Keep how many prompts are used and why others are not; said at the first call, not at a resumed one."""
    if store.marker(0, PROMPTS) is not None:
        return
    counts = PromptCounts(
        train=len(prompts.train),
        heldout=len(prompts.heldout),
        duplicates=prompts.duplicates,
        near_duplicates=len(prompts.near_duplicates),
        left_out=prompts.skipped,
    )
    progress.say(counts.sentence)
    store.mark(StageMarker(round=0, stage=PROMPTS, seconds=0.0, counts=counts.model_dump(mode="json")))


def wording(judges: Iterable[JudgeBase]) -> dict[str, str]:
    """The texts of the judges' templates and constitutions by content hash, for provenance."""
    texts = [
        text
        for judge in _with_critics(judges)
        for text in (
            read_named("template", "judge", (".txt",), judge.template)[2],
            read_named("constitution", "constitutions", (".yaml", ".yml"), judge.constitution)[2],
        )
    ]
    return {content_hash(text): text for text in texts}


def _with_critics(judges: Iterable[JudgeBase]) -> Iterator[JudgeBase]:
    for judge in judges:
        yield judge
        if isinstance(judge, ApiJudgeSettings) and judge.meta is not None:
            yield critic_settings(judge, judge.meta)
