"""The reliability plot of judges: how often each is right against how sure it is, as a PNG file.

On the diagonal a judge is as right as it is sure; below it, less. Areas of the points follow the verdicts in each bin,
whiskers are 95% intervals. Drawn without pyplot: no global state, no display.
"""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from judge.measure.confidence import ReliabilityBin
from judge.measure.evaluation import JudgeEvaluation
from review.visible import one_line

_INK, _GRID, _RAW, _FITTED = "#222222", "#bbbbbb", "#b5462f", "#2f6db5"
_LARGEST = 220.0


def plot_reliability(evaluations: Sequence[tuple[str, JudgeEvaluation]], path: Path) -> None:
    """One panel for each named evaluation, side by side, as judged and after cross-validated calibration."""
    figure = Figure(figsize=(4.2 * len(evaluations), 4.4), layout="constrained")
    for axes, (name, evaluation) in zip(
        figure.subplots(1, len(evaluations), squeeze=False)[0], evaluations, strict=True
    ):
        _panel(axes, name, evaluation)
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(str(path))


def _panel(axes: Axes, name: str, evaluation: JudgeEvaluation) -> None:
    axes.plot([0.5, 1.0], [0.5, 1.0], color=_GRID, linewidth=1)
    axes.axhline(0.5, color=_GRID, linewidth=1, linestyle=":")
    _points(axes, evaluation.reliability, _RAW, f"as judged, ECE {_shown(evaluation.ece)}")
    if evaluation.reliability_calibrated:
        label = f"calibrated (T {evaluation.temperature:.2f}), ECE {_shown(evaluation.ece_calibrated)}"
        _points(axes, evaluation.reliability_calibrated, _FITTED, label)
    axes.set(xlim=(0.48, 1.02), ylim=(0.0, 1.03), xlabel="confidence", ylabel="share right")
    axes.set_title(one_line(name, 40).replace("$", r"\$"), fontsize=11, color=_INK)
    if evaluation.reliability:
        axes.legend(loc="lower right", fontsize=8, frameon=False)


def _points(axes: Axes, bins: Sequence[ReliabilityBin], colour: str, label: str) -> None:
    if not bins:
        return
    most = max(b.n for b in bins)
    x, y = [b.confidence for b in bins], [b.accuracy.value for b in bins]
    whiskers = [
        [b.accuracy.value - b.accuracy.low for b in bins],
        [b.accuracy.high - b.accuracy.value for b in bins],
    ]
    axes.errorbar(x, y, yerr=whiskers, fmt="none", ecolor=colour, elinewidth=0.8, alpha=0.6)
    axes.scatter(x, y, s=[_LARGEST * b.n / most for b in bins], color=colour, alpha=0.55, label=label)


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
