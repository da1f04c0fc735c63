"""The report's charts: what a person looks at to see whether a run can be believed.

Every function takes plain numbers and returns an SVG element. A value that is missing is left out of its line,
never drawn as zero; a chart with nothing to show is None, and the page says why.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from loop.report.calibration import Bin
from loop.report.facts import Lengths, ScorePoint
from review.canvas import INITIAL, INK, JUDGE, LABELS, MUTED, PAPER, TRUTH, Canvas
from review.charts import Series, errors, round_axis, share


def agreement(audited: Series) -> str | None:
    """How often labels agreed with the judge on the round's own pairs."""
    return share(
        "agreement", audited, LABELS, "Audited agreement with the judge by round, with its interval."
    )


def shadow_agreement(shared: Series) -> str | None:
    """How often the judge and the one that shadows it preferred the same answer."""
    return share(
        "shadow", shared, JUDGE, "Agreement of the judge and its shadow by round, with its interval."
    )


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
        yerr=errors([b.agreement for b in bins]),
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
    round_axis(axes, start)
    axes.xaxis.set_major_formatter(lambda x, _: "start" if x < rounds[0] else f"{x:.0f}")
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_formatter("{x:.2f}")
    scores = [first, *(p.candidate for p in points)]
    middle, reach = (max(scores) + min(scores)) / 2, max(0.15, 0.6 * (max(scores) - min(scores)))
    axes.set_ylim(middle - reach, middle + reach)
    return canvas.svg(
        "True score by round: candidates, what shipped, what the judge alone would have shipped."
    )
