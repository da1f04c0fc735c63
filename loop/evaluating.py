"""Put a judge to labelled comparisons, measure it, keep what was found.

What an external judge answers is kept in the store as in a run, so that an evaluation that was cut short goes on from
there, and one with other labels or another measure costs nothing.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from judge.contract import Judge
from judge.measure.evaluation import JudgeEvaluation, evaluate
from judge.measure.figures import Judged
from judge.measure.labelled import LabelledSet, read_labelled
from judge.measure.paired import PairedComparison, compare_judges
from judge.settings import ScriptedJudgeSettings
from loop.calibrations import calibration_of
from loop.judge_choice import JudgeChoice, open_judge
from loop.judge_lineage import judge_lineage
from loop.progress import Bar, Progress
from loop.watching import watching
from prompts.constitution import load_constitution
from store.evaluations import Evaluations
from store.judge_calls import JudgeCalls
from store.records import Calibration, Evaluation, Verdict
from store.store import Store


@dataclass(frozen=True)
class Measured:
    """A judge and what it said of the labelled rows, in their order."""

    choice: JudgeChoice
    labelled: LabelledSet
    verdicts: tuple[Verdict, ...]
    evaluation: JudgeEvaluation

    @cached_property
    def judged(self) -> Judged:
        return Judged.of(self.labelled.rows, {verdict.comparison_id: verdict for verdict in self.verdicts})


def read_for(choice: JudgeChoice, data: Path) -> LabelledSet:
    """The labelled comparisons, made under this judge's constitution. Raises as `read_labelled` does."""
    scripted = isinstance(choice.settings, ScriptedJudgeSettings)
    return read_labelled(data, "" if scripted else load_constitution(choice.settings.constitution).hash)


async def measure(choice: JudgeChoice, judge: Judge, labelled: LabelledSet, bar: Bar) -> Measured:
    """Every row judged. Raises `judge.errors.JudgeStopped` where the judge cannot go on."""
    found: dict[str, Verdict] = {}
    async with watching(judge, bar):
        async for verdict in judge.compare(row.comparison for row in labelled.rows):
            found[verdict.comparison_id] = verdict
            bar.advance(1)
    evaluation = evaluate(labelled.rows, found.values(), data=labelled.place, data_hash=labelled.hash)
    verdicts = tuple(found[row.comparison.id] for row in labelled.rows)
    return Measured(choice, labelled, verdicts, evaluation)


def measure_all(
    choices: Sequence[JudgeChoice], data: Path, store: Store, progress: Progress
) -> list[Measured]:
    """Each judge measured on the same data, and its evaluation kept as soon as it is there.

    The data is read, and so refused, before the first judge is opened.
    """
    sets = [read_for(choice, data) for choice in choices]
    calls, kept = JudgeCalls(store.database), Evaluations(store.database)
    found = []
    for choice, labelled in zip(choices, sets, strict=True):
        with (
            open_judge(choice, progress=progress, calls=calls, account=_account(choice, labelled)) as judge,
            progress.stage(f"judge · {choice.name}", len(labelled.rows), "comparisons") as bar,
        ):
            measured = asyncio.run(measure(choice, judge, labelled, bar))
        kept.add(_record(measured))
        found.append(measured)
    return found


def compare_with_first(measured: Sequence[Measured]) -> list[PairedComparison]:
    """Each judge against the first, on the comparisons that both scored; those with none are left out."""
    first = measured[0]
    pairs = (
        compare_judges(other.choice.name, other.judged, first.choice.name, first.judged)
        for other in measured[1:]
    )
    return [pair for pair in pairs if pair is not None]


def learn_calibration(measured: Measured) -> Calibration:
    """The temperature of an evaluation as a calibration to keep.

    Raises ConfigError where there are too few labels, or the judge is no better than a coin.
    """
    evaluation = measured.evaluation
    return calibration_of(
        judge_lineage(measured.choice.settings, measured.choice.policies),
        evaluation.temperature,
        {name: part.temperature for name, part in evaluation.by_principle.items() if part.temperature},
        evaluation.decided,
        f"{evaluation.data} {evaluation.data_hash[:12]}",
        evaluation.model_dump(include={"accuracy", "ece", "ece_calibrated", "brier", "brier_calibrated"}),
    )


def _account(choice: JudgeChoice, labelled: LabelledSet) -> str:
    """What this evaluation spends is counted on, beside the runs: the same again where it was cut short."""
    return f"judge eval {choice.name} {labelled.hash[:12]}"


def _record(measured: Measured) -> Evaluation:
    evaluation = measured.evaluation
    return Evaluation(
        judge=evaluation.judge,
        choice=measured.choice.name,
        template=evaluation.template,
        constitution=evaluation.constitution,
        data=evaluation.data,
        data_hash=evaluation.data_hash,
        figures=evaluation.model_dump(mode="json"),
    )
