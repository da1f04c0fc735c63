"""The pictures of a run's page: drawn from kept figures, named by what they show, drawn again only where that changed.

They hold no words, so one drawing serves every language; the page says in the reader's own what is drawn, and has a
table of the same numbers behind each.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from matplotlib.ticker import PercentFormatter

from judge.interval import Interval
from prompts.hashing import content_hash
from review.canvas import ALARM, INK, JUDGE, LABELS, TRUTH, Canvas
from review.charts import Series, drift, errors, round_axis, share, win_rates
from review.drift import DriftSeries, drift_series
from review.rounds import RoundSummary
from store.figures import Kept, Key
from store.records import Decision

_LOOKS: Final = "1"
"""Goes up when a drawing changes its looks: kept pictures are then drawn again."""

Rates = Mapping[str, Sequence[tuple[int, float]]]


def pictures(
    kept: Mapping[Key, Kept], versions: Mapping[Key, tuple[str, bool]]
) -> Iterator[tuple[str, str, str | None]]:
    """Name, version and SVG (None: there is nothing to draw) of every picture that is not kept in this version."""
    for name, shown, drawing in _wanted(kept):
        version = content_hash(f"{_LOOKS} {name} {shown!r}")[:16]
        if versions.get((0, "", f"picture/{name}"), ("", False))[0] != version:
            yield name, version, drawing()


def _wanted(kept: Mapping[Key, Kept]) -> Iterator[tuple[str, object, Callable[[], str | None]]]:
    overview = kept[(0, "", "overview")].value
    rounds = [RoundSummary.model_validate(one) for one in overview["rounds"]]
    judge: Series = [(r.index, r.judge_win_rate) for r in rounds if r.judge_win_rate]
    corrected: Series = [(r.index, r.corrected_win_rate) for r in rounds if r.corrected_win_rate]
    yield "win-rate", (judge, corrected), lambda: win_rates(judge, corrected, bare=True)
    against = disagreements(kept)
    yield "disagreement", against, lambda: share("disagreement", against, LABELS, None)
    pooled = by_principle(kept)
    yield "principles", pooled, lambda: _principles(pooled)
    rates = health(kept)
    yield "health", rates, lambda: _health(rates)
    decisions = [Decision.model_validate(one) for one in overview["decisions"]]
    for number, series in enumerate(drift_series([d for d in decisions if d.kind != "rollback"])):
        yield f"drift-{series.name}", series, lambda n=number, s=series: _drift(n, s)  # type: ignore[misc]


def disagreements(kept: Mapping[Key, Kept]) -> Series:
    """How often people side against the judge on its own pairs, by round."""
    return [
        (round, Interval.model_validate(one.value["disagreement"]["rate"]))
        for (round, purpose, kind), one in kept.items()
        if kind == "audit" and purpose == "train" and one.value["disagreement"]["rate"]
    ]


def by_principle(kept: Mapping[Key, Kept]) -> list[tuple[str, Interval]]:
    """Disagreement under each principle in the last round that has any, most first."""
    audits = [one.value for (_, purpose, kind), one in kept.items() if kind == "audit" and purpose == "train"]
    for value in reversed(audits):
        found = [
            (one["principle"], Interval.model_validate(one["rate"]))
            for one in value["by_principle"]
            if one["rate"]
        ]
        if found:
            return sorted(found, key=lambda pair: (-pair[1].value, pair[0]))
    return []


def health(kept: Mapping[Key, Kept]) -> dict[str, list[tuple[int, float]]]:
    """Shares of the training verdicts by round: flips, first place, longer answer."""
    found: dict[str, list[tuple[int, float]]] = {"flips": [], "slot": [], "longer": []}
    for (round, purpose, kind), one in kept.items():
        if kind != "verdicts" or purpose != "train":
            continue
        counts = one.value
        if counts["both_orders"]:
            found["flips"].append((round, counts["flips"] / counts["both_orders"]))
            found["slot"].append((round, counts["slot"]))
        if counts["differing_lengths"]:
            found["longer"].append((round, counts["longer"] / counts["differing_lengths"]))
    return found


def _health(rates: Rates) -> str | None:
    if not any(rates.values()):
        return None
    canvas = Canvas("health")
    axes = canvas.axes
    axes.axhline(0.5, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    for name, colour, marker in (("flips", ALARM, "X"), ("slot", JUDGE, "o"), ("longer", TRUTH, "s")):
        if rates[name]:
            rounds, values = zip(*rates[name], strict=True)
            axes.plot(rounds, values, color=colour, marker=marker, linewidth=1.6, markersize=6)
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    round_axis(axes, [round for points in rates.values() for round, _ in points], label=False)
    return canvas.svg(None)


def _principles(pooled: Sequence[tuple[str, Interval]]) -> str | None:
    if not pooled:
        return None
    canvas = Canvas("principles", height=max(110, 34 * len(pooled) + 40))
    axes = canvas.axes
    rates = [rate for _, rate in pooled]
    places = range(len(pooled))
    axes.axvline(0.5, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.errorbar(
        [rate.value for rate in rates],
        places,
        xerr=errors(rates),
        color=LABELS,
        fmt="s",
        elinewidth=1.4,
        capsize=3,
    )
    axes.set_yticks(places, [name if len(name) <= 24 else name[:23] + "…" for name, _ in pooled])
    axes.invert_yaxis()
    axes.margins(y=0.2)
    axes.set_xlim(0, 1.02)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return canvas.svg(None)


def _drift(number: int, series: DriftSeries) -> str:
    return drift(number, series, bare=True)
