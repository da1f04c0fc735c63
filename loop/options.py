"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="A YAML file, such as configs/starter.yaml.")
]
Assignments = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key, such as gate.labels=100. Repeatable."),
]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="Name of a run; `rlaif runs` lists them.")]
AnyRun = Annotated[str | None, typer.Option("--run", help="Name of a run. Default: wherever it is found.")]
StoreUrl = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", envvar="RLAIF_STORE", help="Default: sqlite:///OUTPUT/rlaif.db."),
]
Output = Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder of the runs' files.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
RUNS = Path("runs")
