"""Put comparisons before people, and wait for their labels as long as the configuration says."""

import time
from collections.abc import Sequence
from typing import Any

from loop.context import RunContext
from loop.drift import symptoms
from prompts.hashing import derive_seed
from review.draw import Design, draw
from review.queue import status
from review.settings import SpotCheckSettings
from store.records import Comparison, Purpose, Verdict

POLL_S = 1.0


def ask_people(
    run: RunContext,
    judged: Sequence[tuple[Comparison, Verdict]],
    settings: SpotCheckSettings,
    index: int,
    purpose: Purpose,
    title: str,
) -> dict[str, Any]:
    """Draw the queue for these comparisons, let a simulated reviewer answer it or wait for people.

    The draw is stored before anyone sees it and is a function of the seed, so asking again asks the same. Returns
    how many were drawn and how many of them have a label now.
    """
    seed = derive_seed(run.config.seed, index, purpose, "spot-check")
    design = Design(
        strata=settings.strata,
        overlap=settings.overlap,
        overlap_share=settings.overlap_share,
        repeats=settings.repeats,
        flags=_drifting(run, judged, index) if settings.targeted else {},
    )
    items = draw(judged, settings.random, settings.targeted, seed, index, purpose, design)
    run.store.add_review_items(items)
    if run.reviewer is not None:
        with run.progress.stage(f"{title}, simulated reviewer", len(items), "labels") as bar:
            run.reviewer.answer(run.store, items)
            bar.move_to(len(items))
    else:
        _wait(run, settings, index, purpose, title)
    return {"drawn": len(items), "labels": sum(1 for _ in run.store.labels(index, purpose))}


def _wait(run: RunContext, settings: SpotCheckSettings, index: int, purpose: Purpose, title: str) -> None:
    wanted = sum(1 for _ in run.store.review_items(index, purpose, "random"))
    deadline = {"no": 0.0, "forever": float("inf")}.get(str(settings.wait), settings.wait)
    assert isinstance(deadline, float)
    start = time.monotonic()
    labelled = _answered(run, index, purpose)
    if labelled >= wanted:
        return
    command = f"rlaif review next --run {run.store.record.name} {run.config.store_option}"
    if deadline == 0.0:
        run.progress.say(f"{title}: {wanted} comparisons wait for a label, the run goes on: {command}")
        return
    run.progress.say(f"{title}: waiting for {wanted - labelled} labels: {command}")
    with run.progress.stage(title, wanted, "labels") as bar:
        while labelled < wanted and time.monotonic() - start < deadline:
            bar.move_to(labelled)
            time.sleep(POLL_S)
            labelled = _answered(run, index, purpose)
        bar.move_to(labelled)


def _answered(run: RunContext, index: int, purpose: Purpose) -> int:
    """Random items that someone labelled or skipped: a skip is an answer, waiting longer would not bring one.

    Of an item that several reviewers are asked about, one answer is enough to go on.
    """
    lanes = [lane for lane in status(run.store) if (lane.round, lane.purpose) == (index, purpose)]
    return sum(lane.labelled + lane.skipped for lane in lanes if lane.lane == "random")


def _drifting(
    run: RunContext, judged: Sequence[tuple[Comparison, Verdict]], index: int
) -> dict[str, tuple[str, ...]]:
    """Comparisons with an answer that shows what the round before raised a drift alarm about, and which alarms."""
    alarms = next(
        (made.evidence.get("alarms", ()) for made in run.store.decisions() if made.round == index - 1), ()
    )
    if not alarms:
        return {}
    shows = symptoms(alarms, run.config.drift)
    return {
        comparison.id: tuple(dict.fromkeys(f"drift:{name}" for name in found))
        for comparison, _ in judged
        if (found := [*shows(comparison.first), *shows(comparison.second)])
    }
