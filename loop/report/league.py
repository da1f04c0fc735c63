"""The league as a chart: every policy's rating by the round that trained it, and which of them were promoted."""

from collections.abc import Collection

from loop.standings import RunLeague
from review.canvas import INK, JUDGE, PAPER, Canvas


def league_chart(found: RunLeague | None, promoted: Collection[str]) -> str | None:
    """Elo points above the initial policy, with intervals; filled where the policy was promoted."""
    if found is None:
        return None
    canvas = Canvas("league")
    axes = canvas.axes
    axes.axhline(0.0, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    for place, rating in enumerate(found.standings):
        elo = rating.elo
        filled = rating.round == 0 or rating.policy in promoted
        axes.errorbar(
            [place],
            [elo.value],
            yerr=[[elo.value - elo.low], [elo.high - elo.value]],
            color=JUDGE,
            fmt="o",
            markersize=8,
            markerfacecolor=JUDGE if filled else PAPER,
            markeredgewidth=1.6,
            elinewidth=1.4,
            capsize=3,
            zorder=3,
        )
    names = ["initial" if number == 0 else str(number) for number in found.trained_in]
    step = -(-len(names) // 12)
    axes.set_xticks(range(0, len(names), step), names[::step])
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.margins(y=0.15)
    axes.set_xlabel("trained in round")
    axes.yaxis.set_major_formatter(lambda y, _: f"{y:+.0f}" if y else "0")
    return canvas.svg("Elo points of every policy above the initial one, by the judge's word.")
