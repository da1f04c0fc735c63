"""Calibrations of judges: learned from labels, kept in the store with an id of their own, found again by a run.

A run names one in `judge.calibration`: by id, or `latest` for the newest of this very judge (`loop.judge_lineage`). The
choice is made once a run and kept in a marker, so that a resumed run does not change it half-way.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from judge.measure.calibration import (
    FEWEST_LABELS,
    HIGHEST,
    cross_validated,
    fit_temperature,
    principle_temperatures,
)
from judge.measure.confidence import brier, calibration_error, rightness
from judge.ranks.standing import standing_labels
from judge.settings import LocalJudgeSettings, single_judges
from loop.config import RunConfig, parse_config
from loop.errors import ConfigError
from loop.judge_lineage import judge_lineage, local_policy
from store.effects import LabelEffect
from store.evaluations import Evaluations
from store.records import Calibration, Label, Purpose, StageMarker, Verdict
from store.run import RunStore

Floats = NDArray[np.float64]

_LABELLED: tuple[Purpose, ...] = ("train", "gate")

MARKER = "calibration"
"""The stage, of round 0, under which a run keeps the calibration it uses."""


def config_lineage(config: RunConfig) -> str:
    """The judge of a run, as calibrations name it."""
    singles = single_judges(config.judge)
    return judge_lineage(
        config.judge,
        [
            local_policy(one, config.policy) if isinstance(one, LocalJudgeSettings) else None
            for one in singles
        ],
    )


def calibration_of(
    judge: str,
    temperature: float | None,
    by_principle: dict[str, float],
    labels: int,
    source: str,
    figures: dict[str, Any],
) -> Calibration:
    """A calibration to keep. Raises ConfigError for too few labels, or for a judge that no temperature can mend."""
    if temperature is None:
        raise ConfigError(
            f"{source}: {labels} scored comparisons with a preferred side; a calibration needs {FEWEST_LABELS}"
        )
    if temperature > 0.99 * HIGHEST:
        raise ConfigError(
            f"{source}: on these {labels} labels the judge is no better than a coin, so there is no confidence to "
            "calibrate; use another judge or template"
        )
    return Calibration(
        judge=judge,
        temperature=temperature,
        by_principle=by_principle,
        labels=labels,
        source=source,
        figures=figures,
    )


def calibrate_run(run: RunStore, index: int | None = None) -> Calibration:
    """Learned from the labels that people gave in a run, or in its round `index` alone.

    Only blind labels of the random lane count: those of the targeted lane were chosen by the judge's own confidence,
    and who has seen a verdict follows it. Raises as `calibration_of`.
    """
    config = parse_config(run.record.config, f"run {run.record.name}")
    found = list(_labelled_in(run, index))
    prompts = [row.prompt_id for row in found]
    said = [(row.verdict, row.better) for row in found]
    p = np.array([verdict.p_first for verdict, _ in said], dtype=np.float64)
    better = np.array([side for _, side in said], dtype=np.float64)
    enough = len(p) >= FEWEST_LABELS
    return calibration_of(
        config_lineage(config),
        fit_temperature(p, better) if enough else None,
        principle_temperatures(said),
        len(p),
        f"run {run.record.name}" + (f" round {index}" if index is not None else ""),
        _gain(p, better, prompts) if enough else {},
    )


def calibration_effects(run: RunStore, calibration: Calibration, index: int | None) -> Iterator[LabelEffect]:
    """The ledger's entries for the labels that `calibrate_run` reads of this run, or of its round `index`."""
    for row in _labelled_in(run, index):
        for position, label in enumerate(row.labels):
            yield LabelEffect(
                label_id=label.id,
                comparison_id=label.comparison_id,
                reviewer=label.reviewer,
                round=row.round,
                stage="calibration",
                position=position,
                effect="counted",
                why="random_and_blind",
                subject=calibration.id,
            )


class _Labelled(NamedTuple):
    """A scored verdict, 1 or 0 for the side that people prefer, and their labels."""

    round: int
    prompt_id: str
    verdict: Verdict
    better: float
    labels: tuple[Label, ...]


def _labelled_in(run: RunStore, index: int | None) -> Iterator[_Labelled]:
    last = max((marker.round for marker in run.markers()), default=0)
    for round in [index] if index is not None else range(1, last + 1):
        for purpose in _LABELLED:
            blind = run.labels(round, purpose, blind=True)
            standing = standing_labels(label for label in blind if label.lane == "random")
            if not standing:
                continue
            for comparison, verdict in run.judged(round, purpose):
                people = standing.get(comparison.id)
                if verdict.p_first is not None and people is not None and people.decided:
                    side = float(people.p_first > 0.5)
                    yield _Labelled(round, comparison.prompt.id, verdict, side, people.labels)


def run_calibration(run: RunStore, config: RunConfig) -> Calibration | None:
    """The calibration that this run uses, or None. The first call decides it; later ones find it in the marker.

    Raises ConfigError where `judge.calibration` is `latest` and there is none, and `store.errors.NotFound` for an id
    that is not there.
    """
    wanted = config.judge.calibration
    if wanted == "none":
        return None
    kept = Evaluations(run.database)
    marker = run.marker(0, MARKER)
    if marker is not None:
        return kept.calibration(marker.counts["id"])
    if wanted != "latest":
        found = kept.calibration(wanted)
    else:
        lineage = config_lineage(config)
        own = kept.calibrations(lineage)
        if not own:
            raise ConfigError(
                "judge.calibration: latest, but the store has none of this judge; make one with `rlaif judge eval "
                "DATA --judge CONFIG --save-calibration` or `rlaif judge calibrate RUN`, or set none"
            )
        found = own[-1]
    run.mark(StageMarker(round=0, stage=MARKER, seconds=0.0, counts={"id": found.id}))
    return found


def _gain(p_first: Floats, better: Floats, prompts: Sequence[str]) -> dict[str, Any]:
    """The figures an evaluation would show of these labels."""
    out_of_fold = cross_validated(p_first, better, prompts)
    calibrated = (
        None if out_of_fold is None else (calibration_error(out_of_fold, better), brier(out_of_fold, better))
    )
    return {
        "accuracy": float(rightness(p_first, better).mean()),
        "ece": calibration_error(p_first, better),
        "brier": brier(p_first, better),
        "ece_calibrated": calibrated[0] if calibrated else None,
        "brier_calibrated": calibrated[1] if calibrated else None,
    }
