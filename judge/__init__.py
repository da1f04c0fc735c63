"""Comparisons in, verdicts out, rankings and win rates from them.

Names are loaded when first used: the API judge brings an HTTP client along, the win rate brings scipy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from judge.api import ApiJudge
    from judge.build import build_judge, check_judge
    from judge.contract import Judge, LabelScorer
    from judge.errors import JudgeError, JudgeSettingsError, JudgeStopped
    from judge.interval import Interval
    from judge.local import LocalJudge
    from judge.ranking import cycle_rate, flip_rate, rank, round_robin
    from judge.scripted import ScriptedJudge
    from judge.settings import ApiJudgeSettings, JudgeSettings, LocalJudgeSettings, ScriptedJudgeSettings
    from judge.wins import win_rate

__all__ = [
    "ApiJudge", "ApiJudgeSettings", "Interval", "Judge", "JudgeError", "JudgeSettings", "JudgeSettingsError",
    "JudgeStopped", "LabelScorer", "LocalJudge", "LocalJudgeSettings", "ScriptedJudge", "ScriptedJudgeSettings",
    "build_judge", "check_judge", "cycle_rate", "flip_rate", "rank", "round_robin", "win_rate",
]  # fmt: skip

_HOME = {
    "ApiJudge": "api", "ApiJudgeSettings": "settings", "Interval": "interval", "Judge": "contract",
    "JudgeError": "errors", "JudgeSettings": "settings", "JudgeSettingsError": "errors", "JudgeStopped": "errors",
    "LabelScorer": "contract", "LocalJudge": "local", "LocalJudgeSettings": "settings",
    "ScriptedJudge": "scripted", "ScriptedJudgeSettings": "settings", "build_judge": "build", "check_judge": "build",
    "cycle_rate": "ranking", "flip_rate": "ranking", "rank": "ranking", "round_robin": "ranking",
    "win_rate": "wins",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"judge.{_HOME[name]}"), name)
    globals()[name] = value
    return value
