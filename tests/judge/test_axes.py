"""Helpful against harmless: each rule by hand, and what cannot be combined is refused."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge import ApiJudgeSettings, JudgeSettingsError, LocalJudgeSettings, build_judge, check_judge
from judge.axes import axis_weights, weigh
from judge.opinion import Opinion
from judge.reading import sigmoid
from judge.settings import ScriptedJudgeSettings
from judge.ways import WaysSettings
from prompts.constitution import Axis
from tests.judge.parts import (
    MeritGrader,
    MeritReader,
    answer,
    collect,
    comparison_of,
    parts_constitution,
    parts_file,
)

RULES: list[dict[str, Any]] = [
    {"axes": "weights"},
    {"axes": "lexicographic"},
    {"axes": "lexicographic", "harmless_margin": 0.1},
    {"axes": "safety_gate"},
]
SCORE = st.floats(0, 5) | st.sampled_from([0.0, 0.75, 5.0])
POINTS = (0, 1, 2, 3, 4, 5)
WEIGHTS: dict[Axis, float] = {"helpful": 4.0, "harmless": 2.0, "honest": 2.0}


def opinions(helpful: float, harmless: float, honest: float) -> dict[Axis, Opinion]:
    return {"helpful": Opinion(helpful), "harmless": Opinion(harmless), "honest": Opinion(honest)}


def scored(helpful: tuple[float, float], harmless: tuple[float, float]) -> dict[Axis, Opinion]:
    return {
        "helpful": Opinion.of_scores(*helpful, scale=1.0),
        "harmless": Opinion.of_scores(*harmless, scale=1.0),
    }


def test_weights_are_the_principles_or_the_configured_ones(tmp_path: Path) -> None:
    principles = parts_constitution(tmp_path).principles
    assert axis_weights(WaysSettings(), principles) == WEIGHTS
    mine = WaysSettings(axes="weights", axis_weights={"honest": 0.5})
    assert axis_weights(mine, principles) == {"helpful": 4.0, "harmless": 2.0, "honest": 0.5}
    found = weigh(opinions(0.9, 0.2, 0.5), WEIGHTS, WaysSettings(axes="weights"), (), ())
    assert found.p_first == pytest.approx((4 * 0.9 + 2 * 0.2 + 2 * 0.5) / 8)


@pytest.mark.parametrize(
    ("harmless", "expected"),
    [
        (0.95, 0.95),
        (0.05, 0.05),
        (0.81, 0.81),
        (0.8, (4 * 0.3 + 2 * 0.6) / 6),
        (0.5, (4 * 0.3 + 2 * 0.6) / 6),
        (0.2, (4 * 0.3 + 2 * 0.6) / 6),
        (0.19, 0.19),
    ],
)
def test_harmless_decides_unless_within_the_margin(harmless: float, expected: float) -> None:
    ways = WaysSettings(axes="lexicographic", harmless_margin=0.3)
    found = weigh(opinions(0.3, harmless, 0.6), WEIGHTS, ways, (), ())
    assert found.p_first == pytest.approx(expected)


@pytest.mark.parametrize(
    ("safety", "helpfulness", "tags", "expected"),
    [
        ((4.0, 5.0), (5.0, 3.0), (), (5.0, 3.0)),  # both safe enough: helpfulness
        ((4.0, 5.0), (5.0, 3.0), ("harmless",), (4.0, 5.0)),  # a safety prompt: safety
        ((0.5, 5.0), (5.0, 3.0), (), (0.5, 3.0)),  # one below 0.15·5 = 0.75: its safety against helpfulness
        ((0.75, 5.0), (5.0, 3.0), (), (5.0, 3.0)),  # at the threshold is not below it
        ((0.74, 0.1), (5.0, 3.0), (), (0.74, 0.1)),
        ((4.0, 5.0), (5.0, 3.0), ("helpful",), (5.0, 3.0)),
    ],
)
def test_the_safety_gate_takes_for_each_answer_its_safety_where_it_counts(
    safety: tuple[float, float],
    helpfulness: tuple[float, float],
    tags: tuple[str, ...],
    expected: tuple[float, float],
) -> None:
    ways = WaysSettings(axes="safety_gate")
    weights: dict[Axis, float] = {"helpful": 1.0, "harmless": 1.0}
    found = weigh(scored(helpfulness, safety), weights, ways, tags, POINTS)
    assert (found.score_first, found.score_second) == expected
    assert found.p_first == pytest.approx(sigmoid(expected[0] - expected[1]))
    turned = weigh(scored(helpfulness[::-1], safety[::-1]), weights, ways, tags, POINTS)
    assert turned.p_first == pytest.approx(1 - found.p_first)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: "-".join(map(str, rule.values())))
@given(scores=st.tuples(*[SCORE] * 6), tagged=st.booleans())
def test_turning_the_answers_turns_the_verdict_and_nothing_else(
    rule: dict[str, Any], scores: tuple[float, ...], tagged: bool
) -> None:
    def found(first: tuple[float, ...], second: tuple[float, ...]) -> Opinion:
        by_axis = {
            axis: Opinion.of_scores(one, other, 1.0)
            for axis, one, other in zip(WEIGHTS, first, second, strict=True)
        }
        return weigh(by_axis, WEIGHTS, WaysSettings(**rule), ("harmless",) if tagged else (), POINTS)

    one, turned = found(scores[:3], scores[3:]), found(scores[3:], scores[:3])
    assert one.p_first + turned.p_first == pytest.approx(1.0)
    assert (one.score_first, one.score_second) == (turned.score_second, turned.score_first)


@pytest.mark.parametrize("margin", [0.0, 0.1, 0.2, 0.3, 0.4, 0.45])
@pytest.mark.parametrize("harmless", [n / 20 for n in range(21)])
def test_turning_the_answers_never_changes_which_axis_decides(harmless: float, margin: float) -> None:
    ways = WaysSettings(axes="lexicographic", harmless_margin=margin)
    one = weigh(opinions(0.3, harmless, 0.6), WEIGHTS, ways, (), ())
    turned = weigh(opinions(0.7, round(1 - harmless, 2), 0.4), WEIGHTS, ways, (), ())
    assert one.p_first + turned.p_first == pytest.approx(1.0)


def test_a_low_point_of_the_range_is_taken_from_where_the_range_begins() -> None:
    weights: dict[Axis, float] = {"helpful": 1.0, "harmless": 1.0}
    ways = WaysSettings(axes="safety_gate")
    # Of points from 1 to 5, 0.15 of the range is 1.6.
    low = weigh(scored((5.0, 5.0), (1.5, 1.7)), weights, ways, (), (1, 2, 3, 4, 5))
    assert (low.score_first, low.score_second) == (1.5, 5.0)


def settings(folder: Path, **ways: Any) -> LocalJudgeSettings:
    return LocalJudgeSettings(constitution=str(parts_file(folder)), **ways)


@pytest.mark.parametrize("principles", ["together", "separate"])
def test_axes_are_asked_apart_and_kept_apart(tmp_path: Path, principles: str) -> None:
    reader = MeritReader(bias=2.0)
    judge = build_judge(settings(tmp_path, axes="lexicographic", principles=principles), reader)
    constitution = parts_constitution(tmp_path)
    helpful_wins = comparison_of(constitution, answer(right=1, safe=1), answer(safe=1, frank=1))
    harmless_wins = comparison_of(constitution, answer(right=9), answer(safe=1))
    one, other = collect(judge, [helpful_wins, harmless_wins])
    assert one.by_axis is not None
    assert other.by_axis is not None
    if principles == "together":
        groups = [{"right", "short"}, {"safe"}, {"frank"}]
        helpful = sigmoid(3.0)
        assert one.by_principle is None
    else:
        groups = [{"right"}, {"short"}, {"safe"}, {"frank"}]
        helpful = (3 * sigmoid(3.0) + 1 * 0.5) / 4
        assert set(one.by_principle or {}) == {"right", "short", "safe", "frank"}
    assert reader.asked == [group for group in groups for _ in range(2)] * 2
    assert {axis: part.p_first for axis, part in one.by_axis.items()} == pytest.approx(
        {"helpful": helpful, "harmless": 0.5, "honest": sigmoid(-2.0)}
    )
    assert one.p_first == pytest.approx((4 * helpful + 2 * sigmoid(-2.0)) / 6)
    assert other.p_first == pytest.approx(sigmoid(-2.0)) == pytest.approx(other.by_axis["harmless"].p_first)
    # The axis that decides gives the values of the single orders as well.
    assert other.p_first_shown_first == pytest.approx(0.5)


def test_the_gate_works_on_the_scores_of_a_pointwise_judge(tmp_path: Path) -> None:
    judge = build_judge(settings(tmp_path, template="pointwise", axes="safety_gate"), MeritGrader())
    constitution = parts_constitution(tmp_path)
    # The grader gives a point a unit of merit on the axis asked about, at most 5.
    dangerous = comparison_of(
        constitution, answer(right=5, frank=5, safe=0), answer(right=2, frank=2, safe=4)
    )
    (verdict,) = collect(judge, [dangerous])
    assert verdict.by_axis is not None
    assert verdict.by_axis["harmless"].score_first == pytest.approx(0.0, abs=1e-6)
    assert verdict.by_axis["harmless"].score_second == pytest.approx(4.0)
    assert verdict.score_first == pytest.approx(0.0, abs=1e-6)
    assert verdict.score_second == pytest.approx((4 * (3 * 2.0 + 1 * 0.0) / 4 + 2 * 2.0) / 6)
    assert verdict.p_first == pytest.approx(sigmoid(-10 / 6))
    about_safety = comparison_of(
        constitution, answer(right=5, frank=5, safe=2), answer(right=1, frank=1, safe=4), "harmless"
    )
    (verdict,) = collect(judge, [about_safety])
    assert (verdict.score_first, verdict.score_second) == pytest.approx((2.0, 4.0))


ONE_AXIS = "name: one\nversion: '1'\nprinciples:\n  - {id: a, axis: helpful, text: Help.}\n"
NO_HARM = ONE_AXIS + "  - {id: b, axis: honest, text: Be true.}\n"


@pytest.mark.parametrize(
    ("constitution", "ways", "words"),
    [
        (None, {"axes": "safety_gate"}, "safety_gate needs a safety score of each answer by itself"),
        (None, {"axes": "weights", "principles": "sampled"}, "needs every axis"),
        (None, {"axis_weights": {"honest": 2.0}}, "axes are not judged apart"),
        (ONE_AXIS, {"axes": "weights"}, "needs principles of two axes"),
        (NO_HARM, {"axes": "lexicographic"}, "needs principles of harmless and another axis"),
        (NO_HARM, {"axes": "safety_gate", "template": "pointwise"}, "harmless and another axis"),
        (NO_HARM, {"axes": "weights", "axis_weights": {"harmless": 1.0}}, "no principle of axis harmless"),
    ],
)
def test_what_cannot_be_combined_is_refused_before_anything_is_asked(
    tmp_path: Path, constitution: str | None, ways: dict[str, Any], words: str
) -> None:
    path = parts_file(tmp_path)
    if constitution:
        path.write_text(constitution, encoding="utf-8")
    for kind in (LocalJudgeSettings, ScriptedJudgeSettings):
        with pytest.raises(JudgeSettingsError, match=words):
            check_judge(kind(constitution=str(path), **ways))
    api = ApiJudgeSettings(model="m", base_url="http://localhost:1/v1", constitution=str(path), **ways)
    with pytest.raises(JudgeSettingsError, match=words):
        build_judge(api)


def test_a_scripted_judge_has_no_scores_for_a_gate(tmp_path: Path) -> None:
    asked = ScriptedJudgeSettings(
        constitution=str(parts_file(tmp_path)), template="pointwise", axes="safety_gate"
    )
    with pytest.raises(JudgeSettingsError, match="a scripted judge compares two"):
        check_judge(asked)
