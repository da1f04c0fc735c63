"""`rlaif judge calibrate`: a judge's temperature from the labels that people gave in a run."""

import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from loop.calibrations import calibrate_run, calibration_effects
from loop.commands.opening import open_store
from store.evaluations import Evaluations


def calibrate(name: str, index: int | None, url: str | None, output: Path, *, as_json: bool) -> None:
    """Learn it, keep it in the store, and say how to use it."""
    with open_store(url, output) as store:
        run = store.run(name)
        calibration = calibrate_run(run, index)
        Evaluations(store.database).add_calibration(calibration)
        run.add_effects(calibration_effects(run, calibration, index))
    if as_json:
        sys.stdout.write(calibration.model_dump_json(indent=2) + "\n")
        return
    figures = calibration.figures
    lines = [
        f"{calibration.id}: {calibration.sentence}",
        f"calibration error {figures['ece']:.3f}, cross-validated with it {figures['ece_calibrated']:.3f}",
        f"use it in a run with `judge.calibration: {calibration.id}`, or `latest`",
    ]
    for line in lines:
        Console().print(Text(line), soft_wrap=True)
