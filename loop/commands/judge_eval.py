"""`rlaif judge eval`: judges against people's labels, measured, shown and kept."""

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from rich.console import Console
from rich.text import Text

from judge.measure.paired import PairedComparison
from loop.commands.opening import open_store
from loop.errors import ConfigError
from loop.evaluating import Measured, compare_with_first, learn_calibration, measure_all
from loop.evaluation_table import (
    coverage_table,
    evaluations_table,
    figures_table,
    paired_table,
    reasons,
    subsets_table,
)
from loop.judge_choice import choose_judge
from loop.progress import progress_on
from loop.reliability import plot_reliability
from store.evaluations import Evaluations
from store.records import Calibration, Evaluation
from store.store import Store


def evaluate_judges(
    data: Path,
    judges: Sequence[str],
    templates: Sequence[str],
    constitution: str | None,
    url: str | None,
    output: Path,
    out: Path | None,
    *,
    compare: bool,
    save_calibration: bool,
    as_json: bool,
) -> None:
    """Measure each judge, with each template where some are named, and show the figures side by side."""
    wordings: Sequence[str | None] = templates or [None]
    asked = [(judge, template) for judge in judges for template in wordings]
    if len(asked) > 1 and not compare:
        raise ConfigError(f"{len(asked)} judges: say --compare to measure them side by side, or name one")
    if compare and len(asked) < 2:
        raise ConfigError("--compare: name a second --judge, or a second --template")
    choices = [choose_judge(judge, template=template, constitution=constitution) for judge, template in asked]
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # refused, if at all, before anything is asked
    # What libraries print while they work is progress, not result.
    with redirect_stdout(sys.stderr), Store.open(url or f"sqlite:///{output / 'rlaif.db'}") as store:
        found = measure_all(choices, data, store, progress_on(sys.stderr))
        calibrations = [learn_calibration(one) for one in found] if save_calibration else []
        for calibration in calibrations:
            Evaluations(store.database).add_calibration(calibration)
    paired = compare_with_first(found) if compare else []
    if out is not None:
        _write(out, found, paired)
    if as_json:
        sys.stdout.write(json.dumps(_as_json(found, paired, calibrations), indent=2) + "\n")
    else:
        _show(Console(), found, paired, calibrations, out)


def list_evaluations(url: str | None, output: Path, *, as_json: bool) -> None:
    """Every evaluation of the store, oldest first."""
    with open_store(url, output) as store:
        found = Evaluations(store.database).all()
    if as_json:
        sys.stdout.write(TypeAdapter(list[Evaluation]).dump_json(found, indent=2).decode() + "\n")
    elif found:
        Console().print(evaluations_table(found))
    else:
        Console().print("The store has no evaluations yet.")


def _as_json(
    found: Sequence[Measured], paired: Sequence[PairedComparison], calibrations: Sequence[Calibration]
) -> dict[str, Any]:
    """One judge: its figures. Several: theirs under `judges`, and the paired tests under `compared`."""
    each = []
    for number, one in enumerate(found):
        figures = {"choice": one.choice.name, **one.evaluation.model_dump(mode="json")}
        if calibrations:
            figures["calibration"] = calibrations[number].id
        each.append(figures)
    if len(each) == 1:
        return each[0]
    return {"judges": each, "compared": [pair.model_dump(mode="json") for pair in paired]}


def _show(
    console: Console,
    found: Sequence[Measured],
    paired: Sequence[PairedComparison],
    calibrations: Sequence[Calibration],
    out: Path | None,
) -> None:
    named = [(one.choice.name, one.evaluation) for one in found]
    for table in (figures_table(named), subsets_table(named), coverage_table(named)):
        if table is not None:
            console.print(table)
    if paired:
        console.print(paired_table(paired))
    for line in reasons(named):
        console.print(line)
    for calibration in calibrations:
        console.print(Text(f"calibration {calibration.id}: {calibration.sentence}"), soft_wrap=True)
    if out is not None:
        console.print(Text(f"written to {out}"), soft_wrap=True)


def _write(folder: Path, found: Sequence[Measured], paired: Sequence[PairedComparison]) -> None:
    """`evaluation.json`, `verdicts.jsonl` (a line a row and judge) and `reliability.png`."""
    text = json.dumps(_as_json(found, paired, ()), indent=2) + "\n"
    (folder / "evaluation.json").write_text(text, encoding="utf-8")
    with (folder / "verdicts.jsonl").open("w", encoding="utf-8") as file:
        for one in found:
            for row, verdict in zip(one.labelled.rows, one.verdicts, strict=True):
                said = verdict.model_dump(
                    mode="json",
                    include={
                        "p_first",
                        "p_first_shown_first",
                        "p_first_shown_second",
                        "rationale",
                        "unscored",
                    },
                )
                line = {
                    "choice": one.choice.name,
                    "where": row.where,
                    "subset": row.subset,
                    "label": row.label,
                    **said,
                }
                file.write(json.dumps(line) + "\n")
    plot_reliability([(one.choice.name, one.evaluation) for one in found], folder / "reliability.png")
