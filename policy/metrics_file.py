"""Reading the figures that a training process writes: one JSON line a logged step. Torch-free."""

import json
from pathlib import Path


def read_lines(path: Path) -> list[dict[str, float]]:
    """The whole lines of a metrics file; a line that a crash left unfinished is not among them."""
    if not path.exists():
        return []
    lines: list[dict[str, float]] = []
    for line in path.read_text("utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            lines.append(json.loads(line))
    return lines


def metrics_of(path: Path) -> list[tuple[int, str, float]]:
    """The metrics file as (step, name, value)."""
    return [
        (int(line["step"]), name, value)
        for line in read_lines(path)
        for name, value in line.items()
        if name not in {"step", "steps"}
    ]
