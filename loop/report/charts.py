"""The report's charts: what a person looks at to see whether a run can be believed.

Every function takes plain numbers and returns an SVG element. A value that is missing is left out of its line,
never drawn as zero; a chart with nothing to show is None, and the page says why.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from judge.interval import Interval
from loop.report.calibration import Bin
from loop.report.canvas import ALARM, GRID, INITIAL, INK, JUDGE, LABELS, MUTED, PAPER, TRUTH, Canvas
from loop.report.facts import DriftSeries, Lengths, ScorePoint, Series


def win_rates(judge: Series, corrected: Series) -> str | None:
    """The candidate's win rate by round: the judge's word, and corrected by labels."""
    if not judge and not corrected:
        return None
    canvas = Canvas("win-rate")
    axes = canvas.axes
    axes.axhline(0.5, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    _band(axes, judge, JUDGE, "o", -0.06)
    _band(axes, corrected, LABELS, "s", 0.06)
    bounds = [edge for _, i in (*judge, *corrected) for edge in (i.low, i.high)]
    axes.set_ylim(max(0.0, min(0.38, *bounds) - 0.03), min(1.0, max(0.62, *bounds) + 0.03))
    _rounds(axes, [r for r, _ in (*judge, *corrected)])
    axes.yaxis.set_major_formatter("{x:.2f}")
    return canvas.svg("Win rate of the candidate by round, by the judge and corrected by labels.")


def agreement(audited: Series) -> str | None:
    """How often labels agreed with the judge on the round's own pairs."""
    return _agreement(
        "agreement", audited, LABELS, "Audited agreement with the judge by round, with its interval."
    )


def shadow_agreement(shared: Series) -> str | None:
    """How often the judge and the one that shadows it preferred the same answer."""
    return _agreement(
        "shadow", shared, JUDGE, "Agreement of the judge and its shadow by round, with its interval."
    )


def _agreement(name: str, audited: Series, colour: str, description: str) -> str | None:
    if not audited:
        return None
    canvas = Canvas(name)
    axes = canvas.axes
    axes.axhline(0.5, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    _band(axes, audited, colour, "s", 0.0)
    axes.set_ylim(0, 1.02)
    _rounds(axes, [r for r, _ in audited])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return canvas.svg(description)


def drift(number: int, series: DriftSeries) -> str:
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
    _rounds(axes, rounds, label=False)
    return canvas.svg(f"{series.name} by round.")


def lengths(round_lengths: Lengths, limit: int) -> str:
    """How long the answers of one round are: initial policy, incumbent, candidate; `limit` and more in the last bin."""
    canvas = Canvas(f"lengths-{round_lengths.round}", width=200, height=116)
    axes = canvas.axes
    step = max(1, -(-limit // 24))
    edges = np.arange(0, limit + 2 * step, step) - 0.5
    for tokens, colour, line, fill in (
        (round_lengths.initial, INITIAL, "-", 0.35),
        (round_lengths.incumbent, LABELS, "-", 0.0),
        (round_lengths.candidate, JUDGE, (0, (3, 1.5)), 0.0),
    ):
        if len(tokens):
            shares = np.histogram(np.minimum(tokens, edges[-1]), edges)[0] / len(tokens)
            if fill:
                axes.stairs(shares, edges, color=colour, alpha=fill, fill=True)
            else:
                axes.stairs(shares, edges, color=colour, linewidth=1.5, linestyle=line)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.set_xlim(edges[0], edges[-1])
    axes.margins(y=0.1)
    axes.autoscale_view(scalex=False)
    axes.set_ylim(bottom=0)
    return canvas.svg(f"Answer lengths in round {round_lengths.round}, in tokens.")


def calibration(name: str, bins: Sequence[Bin]) -> str | None:
    """Agreement with labels by the judge's confidence; on the diagonal the judge is as right as it is sure."""
    if not bins:
        return None
    canvas = Canvas(f"calibration-{name}")
    axes = canvas.axes
    axes.plot([0.5, 1], [0.5, 1], color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.errorbar(
        [b.confidence for b in bins],
        [b.agreement.value for b in bins],
        yerr=_errors([b.agreement for b in bins]),
        color=LABELS,
        fmt="s",
        elinewidth=1.4,
        capsize=3,
        zorder=3,
    )
    for b in bins:
        axes.annotate(f"n={b.labels}", (b.confidence, -0.13), ha="center", color=MUTED, fontsize=10)
    axes.set_xlim(0.47, 1.03)
    axes.set_ylim(-0.17, 1.04)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.set_xlabel("the judge's confidence in its own verdict")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return canvas.svg("Agreement with labels by the judge's confidence.")


def true_scores(points: Sequence[ScorePoint]) -> str | None:
    """The answer key's view: every candidate, what shipped, and what the judge alone would have shipped."""
    if not points:
        return None
    canvas = Canvas("true-score")
    axes = canvas.axes
    rounds = [p.round for p in points]
    start = [min(rounds) - 1, *rounds]
    first = points[0].incumbent
    axes.plot(start, [first, *(p.judge_only for p in points)], color=JUDGE, linestyle=(0, (4, 2)), zorder=2)
    axes.plot(start, [first, *(p.shipped for p in points)], color=TRUTH, linewidth=2.4, zorder=3)
    for promoted in (True, False):
        marked = [p for p in points if p.promoted is promoted]
        axes.plot(
            [p.round for p in marked],
            [p.candidate for p in marked],
            "o",
            color=TRUTH,
            markersize=8,
            markerfacecolor=TRUTH if promoted else PAPER,
            markeredgewidth=1.6,
            zorder=4,
        )
    _rounds(axes, start)
    axes.xaxis.set_major_formatter(lambda x, _: "start" if x < rounds[0] else f"{x:.0f}")
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_formatter("{x:.2f}")
    scores = [first, *(p.candidate for p in points)]
    middle, reach = (max(scores) + min(scores)) / 2, max(0.15, 0.6 * (max(scores) - min(scores)))
    axes.set_ylim(middle - reach, middle + reach)
    return canvas.svg(
        "True score by round: candidates, what shipped, what the judge alone would have shipped."
    )


def _band(axes: Axes, series: Series, colour: str, marker: str, shift: float) -> None:
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
        yerr=_errors(intervals),
        color=colour,
        marker=marker,
        elinewidth=1.2,
        capsize=3,
        zorder=3,
    )


def _errors(intervals: Sequence[Interval]) -> list[list[float]]:
    return [[i.value - i.low for i in intervals], [i.high - i.value for i in intervals]]


def _rounds(axes: Axes, rounds: Sequence[int], *, label: bool = True) -> None:
    low, high = min(rounds), max(rounds)
    axes.set_xlim(low - 0.5, high + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=12 if label else 5, integer=True, min_n_ticks=1))
    axes.tick_params(axis="x", color=GRID)
    if label:
        axes.set_xlabel("round")
