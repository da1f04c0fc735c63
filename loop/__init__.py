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
    from loop.summary import RoundSummary, RunSummary, summarise

__all__ = [
    "ConfigError", "LoopError", "RoundSummary", "RunConfig", "RunNotFound", "RunStopped", "RunSummary",
    "load_config", "parse_config", "run", "summarise", "write_report",
]  # fmt: skip

_HOME = {
    "ConfigError": "errors", "LoopError": "errors", "RoundSummary": "summary", "RunConfig": "config",
    "RunNotFound": "errors", "RunStopped": "errors", "RunSummary": "summary",
    "load_config": "config", "parse_config": "config", "run": "rounds", "summarise": "summary",
    "write_report": "report",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"loop.{_HOME[name]}"), name)
    globals()[name] = value
    return value
