"""Comparisons in, verdicts out, rankings and win rates from them.

Names are loaded when first used: the API judge brings an HTTP client along, the win rate brings scipy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from judge.api import ApiJudge
    from judge.api_pointwise import ApiPointwiseJudge
    from judge.build import build_judge, check_judge
    from judge.contract import Judge, LabelScorer
    from judge.errors import BadLabelledData, JudgeError, JudgeSettingsError, JudgeStopped
    from judge.evaluation import JudgeEvaluation, evaluate
    from judge.interval import Interval
    from judge.labelled import LabelledSet, read_labelled
    from judge.league import League
    from judge.length_control import length_controlled_win_rate
    from judge.local import LocalJudge
    from judge.local_pointwise import LocalPointwiseJudge
    from judge.meta import MetaJudge
    from judge.paired import PairedComparison, compare_judges
    from judge.panel import PanelJudge
    from judge.principles import DividedJudge
    from judge.ranking import cycle_rate, flip_rate, rank, round_robin
    from judge.scripted import ScriptedJudge
    from judge.settings import (
        ApiJudgeSettings,
        JudgeSettings,
        LocalJudgeSettings,
        PanelJudgeSettings,
        ScriptedJudgeSettings,
    )
    from judge.swiss import Tournament
    from judge.ties import davidson
    from judge.wins import win_rate

__all__ = [
    "ApiJudge", "ApiJudgeSettings", "ApiPointwiseJudge", "BadLabelledData", "DividedJudge", "Interval", "Judge",
    "JudgeError", "JudgeEvaluation", "JudgeSettings", "JudgeSettingsError", "JudgeStopped", "LabelScorer",
    "LabelledSet", "League", "LocalJudge", "LocalJudgeSettings", "LocalPointwiseJudge", "MetaJudge",
    "PairedComparison", "PanelJudge", "PanelJudgeSettings", "ScriptedJudge", "ScriptedJudgeSettings",
    "Tournament", "build_judge", "check_judge", "compare_judges", "cycle_rate", "davidson", "evaluate",
    "flip_rate", "length_controlled_win_rate", "rank", "read_labelled", "round_robin", "win_rate",
]  # fmt: skip

_HOME = {
    "ApiJudge": "api", "ApiJudgeSettings": "settings", "Interval": "interval", "Judge": "contract",
    "JudgeError": "errors", "JudgeSettings": "settings", "JudgeSettingsError": "errors", "JudgeStopped": "errors",
    "LabelScorer": "contract", "League": "league", "LocalJudge": "local", "LocalJudgeSettings": "settings",
    "ScriptedJudge": "scripted", "ScriptedJudgeSettings": "settings", "build_judge": "build", "check_judge": "build",
    "cycle_rate": "ranking", "flip_rate": "ranking", "rank": "ranking", "round_robin": "ranking",
    "PanelJudge": "panel", "PanelJudgeSettings": "settings", "Tournament": "swiss", "davidson": "ties",
    "length_controlled_win_rate": "length_control", "win_rate": "wins", "ApiPointwiseJudge": "api_pointwise",
    "DividedJudge": "principles", "LocalPointwiseJudge": "local_pointwise", "BadLabelledData": "errors",
    "JudgeEvaluation": "evaluation", "LabelledSet": "labelled", "MetaJudge": "meta", "PairedComparison": "paired",
    "compare_judges": "paired", "evaluate": "evaluation", "read_labelled": "labelled",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"judge.{_HOME[name]}"), name)
    globals()[name] = value
    return value
