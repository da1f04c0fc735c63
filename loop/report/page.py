"""The report as one HTML file: facts and charts poured into a template.

The file needs nothing else: no script, no font, no image from elsewhere, and a content security policy that would
refuse them. Everything is escaped by the template engine, so that an answer's markup stays text, and characters that
could reorder or hide text are shown by their code point. The same store gives the same bytes.
"""

from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from loop.report import charts
from loop.report.facts import Facts
from loop.report.gather import gather
from loop.report.league import league_chart
from loop.report.words import headline, under_way, words
from review.charts import drift, win_rates
from review.visible import visible
from store.run import RunStore


def write_report(store: RunStore, folder: Path, rounds_wanted: int | None = None) -> Path:
    """Write `report.html` into the run's folder, whole or not at all, and return its path.

    `rounds_wanted` is how many were asked for, where it is not what the configuration says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.html"
    draft = path.with_suffix(".html.tmp")
    draft.write_text(render(gather(store, folder, rounds_wanted)), encoding="utf-8")
    return draft.replace(path)


def render(facts: Facts) -> str:
    """The page of these facts."""
    environment = Environment(
        loader=PackageLoader("loop.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        decimals=lambda value, digits: f"{value:.{digits}f}",
        percent=lambda value: f"{100 * value:.0f}%",
        count=lambda value: f"{value:,}",
        duration=duration,
        visible=visible,
        under_way=under_way,
    )
    return environment.get_template("page.html.jinja").render(
        facts=facts,
        headline=headline(facts.summary.rounds, simulated=facts.summary.simulated_reviewer),
        words=words(facts),
        charts=_charts(facts),
        css=Markup(files("loop.report").joinpath("page.css").read_text(encoding="utf-8")),
    )


def duration(seconds: float) -> str:
    """Seconds in the largest fitting units: `8.3 s`, `4 min 5 s`, `2 h 10 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _charts(facts: Facts) -> dict[str, Any]:
    """Every chart as markup: drawn by us from numbers alone, and so the only thing that is not escaped."""
    tokens = [n for r in facts.lengths for n in (*r.initial, *r.incumbent, *r.candidate)]
    limit = int(np.percentile(tokens, 99)) if tokens else 0
    return {
        "win_rate": _markup(win_rates(facts.judge_win_rates, facts.corrected_win_rates)),
        "agreement": _markup(charts.agreement(facts.agreements)),
        "calibration_train": _markup(charts.calibration("train", facts.calibration["train"])),
        "calibration_gate": _markup(charts.calibration("gate", facts.calibration["gate"])),
        "shadow": _markup(charts.shadow_agreement(facts.shadow_agreements)),
        "league": _markup(league_chart(facts.league, facts.promoted)),
        "true_score": _markup(charts.true_scores(facts.scores)),
        "drift": [(series, _markup(drift(i, series))) for i, series in enumerate(facts.drift)],
        "lengths": [(r, _markup(charts.lengths(r, limit))) for r in facts.lengths],
    }


def _markup(svg: str | None) -> Markup | None:
    return None if svg is None else Markup(svg)
