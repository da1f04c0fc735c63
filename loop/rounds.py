"""A run: rounds one after the other, until the gate has kept the incumbent often enough or the rounds are played.

The same call starts, resumes and extends a run, since every round begins by looking at what is already done.
"""

import re
from contextlib import closing
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from loop.calibrations import run_calibration
from loop.check import check, judge_policy, own_models
from loop.config import RunConfig, parse_config
from loop.context import RunContext
from loop.errors import ConfigError, RunBusy
from loop.first_policy import find_initial, find_policy
from loop.league import play_league
from loop.lengths import within_reach
from loop.progress import Progress, Silent
from loop.report import write_report
from loop.round import play_round
from loop.shelf import Shelf
from loop.summary import RunSummary, summarise, write_summary
from loop.true_score import has_answer_key, record_true_scores, simulated_reviewer
from loop.wording import count_prompts, keep_prompts, wording
from policy.model import choose_device, describe_device
from policy.trainer import DpoTrainer
from prompts.constitution import load_constitution
from prompts.sets import PromptSet
from review.stopping import why_stopped
from store.errors import NotFound
from store.records import Run
from store.run import RunStore
from store.store import Store

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def run(
    config: RunConfig, *, name: str = "run", rounds: int | None = None, progress: Progress | None = None
) -> RunSummary:
    """Start the run `name`, or go on with it, and return its summary when it stops.

    `rounds` (at least 1) overrides `config.rounds`. Results are in the store at `config.store_url` and in
    `config.output / name`: report, summary, pairs and checkpoints of each round.
    Raises ConfigError and the packages' own errors for bad input, before anything is loaded; RunStopped or
    `judge.errors.JudgeStopped` where the run cannot go on now. Calling again resumes.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"name {name!r}: use 1 to 64 letters, digits, dots, dashes and underscores")
    progress = progress or Silent()
    prompts = check(config)
    folder = config.output / name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "run.lock", timeout=0), closing(Store.open(config.store_url)) as store:
            return _play(config, name, rounds or config.rounds, prompts, store, folder, progress)
    except Timeout as error:
        raise RunBusy(f"run {name} is going on in another process (it holds {folder}/run.lock)") from error


def _play(
    config: RunConfig,
    name: str,
    rounds: int,
    prompts: PromptSet,
    store: Store,
    folder: Path,
    progress: Progress,
) -> RunSummary:
    trainer = DpoTrainer()
    context = open_context(config, name, prompts, store, folder, progress, trainer)
    try:
        for index in count(1):
            if context.store.marker(index, "gate") is None:
                if why_stopped(context.store.decisions(), index - 1, rounds, config.gate.patience):
                    break
                if choose_device(config.policy.device).type == "cpu" and not config.train.launcher:
                    trainer.prepare()  # importing a trainer takes as long as a small round: begin beside it
                play_round(context, index)
            if has_answer_key(config):
                record_true_scores(context.store, index, prompts.heldout)
            if config.league.every_round:
                play_league(context, index)
            _publish(context.store, folder, rounds)
    finally:
        context.shelf.clear()
        trainer.close()
    return _publish(context.store, folder, rounds)


def open_context(
    config: RunConfig,
    name: str,
    prompts: PromptSet,
    store: Store,
    folder: Path,
    progress: Progress,
    trainer: DpoTrainer,
) -> RunContext:
    """The run `name` in `store`, begun or found again, with what its stages share.

    Raises RunStopped where what it was begun with has changed, and `store.errors.RunDiffers` for its configuration.
    """
    record = Run(
        name=name,
        seed=config.seed,
        config_hash=config.content_hash,
        config=config.model_dump(mode="json"),
        device=describe_device(config.policy),
    )
    units = store.create_run(as_begun(store, record))
    units.save_texts(wording(config.judges))
    calibration = run_calibration(units, config)
    if calibration is not None:
        progress.say(f"the judge's confidence is corrected by {calibration.id}: {calibration.sentence}")
    initial = find_initial(units, config.policy, progress)
    prompts = within_reach(prompts, config, initial)
    keep_prompts(units, prompts)
    count_prompts(units, prompts, progress)
    return RunContext(
        config=config,
        store=units,
        folder=folder,
        prompts=prompts,
        constitution=load_constitution(config.judge.constitution),
        shelf=Shelf(config.policy, max(2, len(config.judges))),
        trainer=trainer,
        progress=progress,
        initial=initial,
        judge_policies={
            (own.policy, own.revision): find_policy(judge_policy(config, own), progress)
            for own in own_models(config)
        },
        reviewer=simulated_reviewer(config),
        calibration=calibration,
    )


def as_begun(store: Store, record: Run) -> Run:
    """`record`, or the run of its name that an earlier version began where both mean the same.

    A setting that a later version adds does by default what was done before there was one, so a run that knows nothing
    of it goes on under the defaults.
    """
    try:
        begun = store.run(record.name).record
        meant = parse_config(begun.config, f"the configuration of run {record.name}")
    except (NotFound, ConfigError):
        return record
    return begun if meant.content_hash == record.config_hash else record


def _publish(store: RunStore, folder: Path, rounds: int) -> RunSummary:
    write_report(store, folder, rounds)
    summary = summarise(store, folder, rounds)
    write_summary(summary, folder)
    return summary
