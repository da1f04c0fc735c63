"""Comparisons in, verdicts out, rankings and win rates from them.

Names are loaded when first used: the API judge brings an HTTP client along, the win rate brings scipy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from judge.api.judge import ApiJudge
    from judge.api.pointwise import ApiPointwiseJudge
    from judge.build import build_judge, check_judge
    from judge.contract import Judge, LabelScorer
    from judge.errors import BadLabelledData, JudgeError, JudgeSettingsError, JudgeStopped
    from judge.interval import Interval
    from judge.local import LocalJudge
    from judge.local_pointwise import LocalPointwiseJudge
    from judge.measure.evaluation import JudgeEvaluation, evaluate
    from judge.measure.labelled import LabelledSet, read_labelled
    from judge.measure.paired import PairedComparison, compare_judges
    from judge.meta import MetaJudge
    from judge.panel import PanelJudge
    from judge.principles import DividedJudge
    from judge.ranks.league import League
    from judge.ranks.length_control import length_controlled_win_rate
    from judge.ranks.ranking import cycle_rate, flip_rate, rank, round_robin
    from judge.ranks.swiss import Tournament
    from judge.ranks.ties import davidson
    from judge.ranks.wins import win_rate
    from judge.scripted import ScriptedJudge
    from judge.settings import (
        ApiJudgeSettings,
        JudgeSettings,
        LocalJudgeSettings,
        PanelJudgeSettings,
        ScriptedJudgeSettings,
    )

__all__ = [
    "ApiJudge", "ApiJudgeSettings", "ApiPointwiseJudge", "BadLabelledData", "DividedJudge", "Interval", "Judge",
    "JudgeError", "JudgeEvaluation", "JudgeSettings", "JudgeSettingsError", "JudgeStopped", "LabelScorer",
    "LabelledSet", "League", "LocalJudge", "LocalJudgeSettings", "LocalPointwiseJudge", "MetaJudge",
    "PairedComparison", "PanelJudge", "PanelJudgeSettings", "ScriptedJudge", "ScriptedJudgeSettings",
    "Tournament", "build_judge", "check_judge", "compare_judges", "cycle_rate", "davidson", "evaluate",
    "flip_rate", "length_controlled_win_rate", "rank", "read_labelled", "round_robin", "win_rate",
]  # fmt: skip

_HOME = {
    "ApiJudge": "api.judge", "ApiJudgeSettings": "settings", "ApiPointwiseJudge": "api.pointwise",
    "BadLabelledData": "errors", "DividedJudge": "principles", "Interval": "interval", "Judge": "contract",
    "JudgeError": "errors", "JudgeEvaluation": "measure.evaluation", "JudgeSettings": "settings",
    "JudgeSettingsError": "errors", "JudgeStopped": "errors", "LabelScorer": "contract",
    "LabelledSet": "measure.labelled", "League": "ranks.league", "LocalJudge": "local",
    "LocalJudgeSettings": "settings", "LocalPointwiseJudge": "local_pointwise", "MetaJudge": "meta",
    "PairedComparison": "measure.paired", "PanelJudge": "panel", "PanelJudgeSettings": "settings",
    "ScriptedJudge": "scripted", "ScriptedJudgeSettings": "settings", "Tournament": "ranks.swiss",
    "build_judge": "build", "check_judge": "build", "compare_judges": "measure.paired",
    "cycle_rate": "ranks.ranking", "davidson": "ranks.ties", "evaluate": "measure.evaluation",
    "flip_rate": "ranks.ranking", "length_controlled_win_rate": "ranks.length_control", "rank": "ranks.ranking",
    "read_labelled": "measure.labelled", "round_robin": "ranks.ranking", "win_rate": "ranks.wins",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"judge.{_HOME[name]}"), name)
    globals()[name] = value
    return value
