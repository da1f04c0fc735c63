"""Charts of rates by round: what a person looks at to see whether a run can be believed.

Every function takes plain numbers and returns an SVG element. A value that is missing is left out of its line,
never drawn as zero; a chart with nothing to show is None, and the page says why. A `bare` chart has no words in it:
a page in the reader's own language says around it what is drawn.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from judge.interval import Interval
from review.canvas import ALARM, GRID, INITIAL, INK, JUDGE, LABELS, MUTED, Canvas
from review.drift import DriftSeries

Series = list[tuple[int, Interval]]
"""A figure by round, for the rounds that have it."""


def win_rates(judge: Series, corrected: Series, *, bare: bool = False) -> str | None:
    """The candidate's win rate by round: the judge's word, and corrected by labels."""
    if not judge and not corrected:
        return None
    canvas = Canvas("win-rate")
    axes = canvas.axes
    axes.axhline(0.5, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    band(axes, judge, JUDGE, "o", -0.06)
    band(axes, corrected, LABELS, "s", 0.06)
    bounds = [edge for _, i in (*judge, *corrected) for edge in (i.low, i.high)]
    axes.set_ylim(max(0.0, min(0.38, *bounds) - 0.03), min(1.0, max(0.62, *bounds) + 0.03))
    round_axis(axes, [r for r, _ in (*judge, *corrected)], label=not bare)
    axes.yaxis.set_major_formatter("{x:.2f}")
    told = "Win rate of the candidate by round, by the judge and corrected by labels."
    return canvas.svg(None if bare else told)


def share(name: str, audited: Series, colour: str, description: str | None) -> str | None:
    """A share by round against one half; bare without a description."""
    if not audited:
        return None
    canvas = Canvas(name)
    axes = canvas.axes
    axes.axhline(0.5, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    band(axes, audited, colour, "s", 0.0)
    axes.set_ylim(0, 1.02)
    round_axis(axes, [r for r, _ in audited], label=description is not None)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return canvas.svg(description)


def drift(number: int, series: DriftSeries, *, bare: bool = False) -> str:
    """One drift metric by round: value, bounds, alarms, and where the initial policy stands."""
    canvas = Canvas(f"drift-{number}", width=200, height=116)
    axes = canvas.axes
    rounds = [p.round for p in series.points]
    if series.initial is not None:
        axes.axhline(series.initial, color=INITIAL, linewidth=1.2)
    for side in ("low", "high"):
        bounds = [(p.round, getattr(p, side)) for p in series.points if getattr(p, side) is not None]
        if bounds:
            edges = [bounds[0][0] - 0.5, *(r + 0.5 for r, _ in bounds)]
            axes.stairs(
                [b for _, b in bounds], edges, baseline=None, color=ALARM, linewidth=1, linestyle=(0, (2, 2))
            )
    axes.plot(rounds, [p.value for p in series.points], color=MUTED, linewidth=1.4, zorder=3)
    for alarm, colour, marker in ((False, INK, "o"), (True, ALARM, "X")):
        marked = [(p.round, p.value) for p in series.points if p.alarm is alarm]
        axes.plot(
            *zip(*marked, strict=True) if marked else ([], []),
            marker,
            color=colour,
            markersize=6 + alarm * 2,
            zorder=4,
        )
    axes.margins(y=0.18)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    if series.unit.startswith("share"):
        axes.yaxis.set_major_formatter(lambda x, _: f"{100 * x:.3g}%")
    round_axis(axes, rounds, label=False)
    return canvas.svg(None if bare else f"{series.name} by round.")


def band(axes: Axes, series: Series, colour: str, marker: str, shift: float) -> None:
    if not series:
        return
    x = np.array([r + shift for r, _ in series])
    intervals = [i for _, i in series]
    axes.fill_between(
        x, [i.low for i in intervals], [i.high for i in intervals], color=colour, alpha=0.13, linewidth=0
    )
    axes.errorbar(
        x,
        [i.value for i in intervals],
        yerr=errors(intervals),
        color=colour,
        marker=marker,
        elinewidth=1.2,
        capsize=3,
        zorder=3,
    )


def errors(intervals: Sequence[Interval]) -> list[list[float]]:
    return [[i.value - i.low for i in intervals], [i.high - i.value for i in intervals]]


def round_axis(axes: Axes, rounds: Sequence[int], *, label: bool = True) -> None:
    low, high = min(rounds), max(rounds)
    axes.set_xlim(low - 0.5, high + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=12 if label else 5, integer=True, min_n_ticks=1))
    axes.tick_params(axis="x", color=GRID)
    if label:
        axes.set_xlabel("round")
