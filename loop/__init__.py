"""The round, the gate, and the runs made of them: `from loop import RunConfig, run`.

Names are loaded when first used: a configuration can be read and checked without torch, which `run` brings along.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loop.config import RunConfig, load_config, parse_config
    from loop.errors import ConfigError, LoopError, RunNotFound, RunStopped
    from loop.report import write_report
    from loop.rounds import run
    from loop.summary import RunSummary, summarise
    from review.rounds import RoundSummary

__all__ = [
    "ConfigError", "LoopError", "RoundSummary", "RunConfig", "RunNotFound", "RunStopped", "RunSummary",
    "load_config", "parse_config", "run", "summarise", "write_report",
]  # fmt: skip

_HOME = {
    "ConfigError": "loop.errors", "LoopError": "loop.errors", "RoundSummary": "review.rounds",
    "RunConfig": "loop.config", "RunNotFound": "loop.errors", "RunStopped": "loop.errors",
    "RunSummary": "loop.summary", "load_config": "loop.config", "parse_config": "loop.config",
    "run": "loop.rounds", "summarise": "loop.summary", "write_report": "loop.report",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
