"""A chart as a piece of an HTML page: matplotlib's SVG, made to follow the page's colours and its light or dark.

Charts are drawn in stand-in colours that name a role; in the SVG each becomes a CSS variable, so that the page
decides what it looks like on a screen, in the dark and on paper. Text stays text (searchable, in the page's
font), ids get the chart's name in front (several charts share one page), and the same numbers give the same
bytes. Styles become attributes: a page whose policy allows no inline style shows them all the same. Figures are
made without pyplot: no global state, no display.
"""

import re
from html import escape
from io import StringIO

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK, MUTED, GRID = "#010101", "#010102", "#010103"
JUDGE, LABELS, TRUTH, ALARM, INITIAL = "#010104", "#010105", "#010106", "#010107", "#010108"
PAPER = "#010109"
_ROLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    JUDGE: "judge",
    LABELS: "labels",
    TRUTH: "truth",
    ALARM: "alarm",
    INITIAL: "initial",
    PAPER: "paper",
}
_STYLE = {
    "svg.fonttype": "none",
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "ytick.left": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


class Canvas:
    """One chart of `width` × `height` points; `name` is unique on its page."""

    def __init__(self, name: str, width: float = 420, height: float = 235) -> None:
        self._name = name
        with mpl.rc_context(_STYLE):
            self._figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
            self.axes: Axes = self._figure.add_subplot()

    def svg(self, description: str | None) -> str:
        """The SVG element; `description` is what a reader who cannot see it is told.

        None where what stands around the picture tells it, in the reader's language.
        """
        stream = StringIO()
        with mpl.rc_context({**_STYLE, "svg.hashsalt": self._name}):
            nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
            FigureCanvasSVG(self._figure).print_svg(stream, metadata=nothing)
        drawn = stream.getvalue()
        body = drawn[drawn.index(">", drawn.index("<svg ")) + 1 :]
        body = re.sub(r"<(metadata|style)\b.*?</\1>", "", body, flags=re.DOTALL)
        body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{self._name}-", body)
        body = re.sub(r' style="([^"]*)"', _attributes, body)
        for colour, role in _ROLES.items():
            body = body.replace(colour, f"var(--{role})")
        box = re.search(r'viewBox="[^"]*"', drawn)
        assert box is not None, "matplotlib's SVG has a viewBox"
        told = (
            'aria-hidden="true"' if description is None else f'role="img" aria-label="{escape(description)}"'
        )
        return f"<svg {told} {box[0]}>{body}"


def _attributes(style: re.Match[str]) -> str:
    """Declarations as presentation attributes; of a font its size alone, since the page has its own."""
    made = []
    for declaration in filter(None, map(str.strip, style[1].split(";"))):
        name, value = (part.strip() for part in declaration.split(":", 1))
        if name == "font":
            name, value = "font-size", value.split()[0]
        made.append(f' {name}="{value}"')
    return "".join(made)
