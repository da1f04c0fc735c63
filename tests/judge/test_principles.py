"""Principles asked apart: each once, for the right comparison, combined by weight, and kept."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from judge import (
    ApiJudgeSettings,
    JudgeSettingsError,
    LocalJudgeSettings,
    ScriptedJudge,
    build_judge,
    check_judge,
)
from judge.principles import DividedJudge, draw
from judge.reading import sigmoid
from judge.settings import ScriptedJudgeSettings
from judge.ways import WaysSettings
from prompts.constitution import Principle
from prompts.template import load_template
from store import Store
from store.judge_calls import JudgeCalls
from store.records import Comparison, Part, Usage, Verdict
from tests.judge.chat_server import Body, completion
from tests.judge.conftest import Serve
from tests.judge.parts import MeritReader, answer, collect, comparison_of, parts_constitution, parts_file

PAIRWISE = load_template("pairwise")


def settings(folder: Path, **ways: Any) -> LocalJudgeSettings:
    return LocalJudgeSettings(constitution=str(parts_file(folder)), **ways)


def test_each_principle_is_asked_in_both_orders_and_weighed_on_the_scale_of_probabilities(
    tmp_path: Path,
) -> None:
    reader = MeritReader(bias=1.0)
    judge = build_judge(settings(tmp_path, principles="separate"), reader)
    comparison = comparison_of(
        parts_constitution(tmp_path), answer(right=1, safe=0, frank=1), answer(short=2, safe=1, frank=1)
    )
    (verdict,) = collect(judge, [comparison])
    assert Counter(map(frozenset, reader.asked)) == {
        frozenset({name}): 2 for name in ("right", "short", "safe", "frank")
    }
    # Logits, each order's bias cancelled: right 3·1, short -1·2, safe -2·1, true 0.
    parts = {"right": sigmoid(3.0), "short": sigmoid(-2.0), "safe": sigmoid(-2.0), "frank": 0.5}
    assert verdict.by_principle is not None
    assert {id: part.p_first for id, part in verdict.by_principle.items()} == pytest.approx(parts)
    weighed = (3 * parts["right"] + 1 * parts["short"] + 2 * parts["safe"] + 2 * parts["frank"]) / 8
    assert verdict.p_first == pytest.approx(weighed)
    shown_first = (3 * sigmoid(4) + 1 * sigmoid(-1) + 2 * sigmoid(-1) + 2 * sigmoid(1)) / 8
    assert verdict.p_first_shown_first == pytest.approx(shown_first)
    shown_second = (3 * sigmoid(2) + 1 * sigmoid(-3) + 2 * sigmoid(-3) + 2 * sigmoid(-1)) / 8
    assert verdict.p_first_shown_second == pytest.approx(shown_second)
    assert (verdict.comparison_id, verdict.judge) == (comparison.id, judge.name)
    assert len(verdict.prompt_hashes) == len(verdict.prompt_texts) == 8
    assert list(json.loads(verdict.raw)) == list(parts)
    assert verdict.label_mass == pytest.approx(0.9)


def test_one_sure_principle_has_no_more_than_its_weight(tmp_path: Path) -> None:
    comparison = comparison_of(
        parts_constitution(tmp_path), answer(safe=6), answer(right=6, short=12, frank=6)
    )
    (verdict,) = collect(build_judge(settings(tmp_path, principles="separate"), MeritReader()), [comparison])
    assert verdict.p_first == pytest.approx(2 / 8, abs=1e-4)


def test_a_sampled_principle_is_the_only_one_asked_and_is_told(tmp_path: Path) -> None:
    reader = MeritReader()
    judge = build_judge(settings(tmp_path, principles="sampled"), reader)
    constitution = parts_constitution(tmp_path)
    comparisons = [comparison_of(constitution, answer(right=n), answer(safe=1)) for n in range(1, 40)]
    verdicts = collect(judge, comparisons)
    assert len({verdict.comparison_id for verdict in verdicts}) == 39
    assert len({frozenset(verdict.by_principle or {}) for verdict in verdicts}) == 4
    for n, verdict in enumerate(verdicts):
        (told,) = verdict.by_principle or {}
        assert reader.asked[2 * n] == reader.asked[2 * n + 1] == {told}
        assert verdict.p_first == (verdict.by_principle or {})[told].p_first
        assert verdict.comparison_id == comparisons[n].id
    again = collect(build_judge(settings(tmp_path, principles="sampled"), MeritReader()), comparisons[::-1])
    assert again[::-1] == verdicts
    reseeded = build_judge(settings(tmp_path, principles="sampled", principle_seed=1), MeritReader())
    assert [v.by_principle for v in collect(reseeded, comparisons)] != [v.by_principle for v in verdicts]


def test_principles_are_drawn_by_weight() -> None:
    principles = tuple(
        Principle(id=id, axis="helpful", weight=weight, text="x")
        for id, weight in (("a", 1.0), ("b", 3.0), ("c", 0.5))
    )
    drawn = Counter(draw(principles, f"cmp_{n}", 0).id for n in range(9000))
    for id, expected in (("a", 2000), ("b", 6000), ("c", 1000)):
        # Five standard deviations of a binomial count.
        assert abs(drawn[id] - expected) < 5 * (expected * (1 - expected / 9000)) ** 0.5


def test_a_comparison_of_fewer_principles_is_divided_into_those(tmp_path: Path) -> None:
    whole = comparison_of(parts_constitution(tmp_path), answer(right=1), answer(frank=1))
    fewer = Comparison(**whole.model_dump(exclude={"id"}) | {"principles": ("short", "frank")})
    (verdict,) = collect(build_judge(settings(tmp_path, principles="separate"), MeritReader()), [fewer])
    assert set(verdict.by_principle or {}) == {"short", "frank"}
    assert verdict.p_first == pytest.approx((1 * 0.5 + 2 * sigmoid(-2.0)) / 3)


class Unwilling:
    """Passes on a scripted judge's verdicts last first, all but those under `principle`, which it fails."""

    name = "unwilling"

    def __init__(self, principle: str = "") -> None:
        self.closed = False
        self._principle = principle

    async def compare(self, comparisons: Iterable[Comparison]) -> AsyncIterator[Verdict]:
        try:
            for comparison in list(comparisons)[::-1]:
                fails = self._principle in comparison.principles
                yield Verdict(
                    comparison_id=comparison.id,
                    judge=self.name,
                    template="",
                    constitution=comparison.constitution,
                    p_first=None if fails else 0.75,
                    unscored="no idea" if fails else None,
                    usage=Usage(calls=2, input_tokens=10, output_tokens=1, cost_usd=0.5),
                )
                await asyncio.sleep(0)
        finally:
            self.closed = True


def divided(folder: Path, inner: Unwilling) -> DividedJudge:
    ways = WaysSettings(principles="separate")
    return DividedJudge(inner, ways, PAIRWISE, parts_constitution(folder))


def test_a_failed_part_leaves_the_whole_unscored_with_its_reason_and_keeps_the_others(tmp_path: Path) -> None:
    comparison = comparison_of(parts_constitution(tmp_path), answer(right=1), answer())
    (verdict,) = collect(divided(tmp_path, Unwilling("safe")), [comparison])
    assert verdict.p_first is None
    assert verdict.unscored == "safe: no idea"
    assert verdict.by_principle == {id: Part(p_first=0.75) for id in ("right", "short", "frank")}


def test_verdicts_in_any_order_meet_their_comparison_and_costs_add_up(tmp_path: Path) -> None:
    constitution = parts_constitution(tmp_path)
    comparisons = [comparison_of(constitution, answer(right=n), answer()) for n in range(1, 6)]
    verdicts = collect(divided(tmp_path, Unwilling()), [*comparisons, comparisons[0]])
    assert Counter(v.comparison_id for v in verdicts) == Counter(c.id for c in [*comparisons, comparisons[0]])
    assert {v.p_first for v in verdicts} == {0.75}
    assert verdicts[0].usage.model_dump(include={"calls", "input_tokens", "output_tokens", "cost_usd"}) == {
        "calls": 8, "input_tokens": 40, "output_tokens": 4, "cost_usd": 2.0,
    }  # fmt: skip


def test_the_parts_that_were_answered_are_not_asked_again(serve: Serve, tmp_path: Path) -> None:
    def behave(body: Body, _: int) -> tuple[int, dict[str, str], Body]:
        fails = "Do no harm." in body["messages"][0]["content"] and not mended
        return 200, {}, completion("", finish_reason="content_filter") if fails else completion("A")

    mended: list[bool] = []
    server = serve(behave)
    asked = ApiJudgeSettings(
        base_url=server.url,
        model="m",
        constitution=str(parts_file(tmp_path)),
        principles="separate",
        logprobs="never",
    )
    comparison = comparison_of(parts_constitution(tmp_path), answer(right=1), answer())
    with Store.open(f"sqlite:///{tmp_path / 'calls.db'}") as store:
        calls = JudgeCalls(store.database)
        (failed,) = collect(build_judge(asked, calls=calls, account="run"), [comparison])
        assert failed.unscored is not None
        assert failed.unscored.startswith("safe: ")
        assert "content filter" in failed.unscored
        assert len(server.requests) == 3 * 2 + 1
        mended.append(True)
        (verdict,) = collect(build_judge(asked, calls=calls, account="run"), [comparison])
    assert verdict.p_first == 0.5
    assert len(server.requests) == 3 * 2 + 1 + 2


def test_whoever_stops_listening_stops_the_judge_inside(tmp_path: Path) -> None:
    inner = Unwilling()
    comparisons = [
        comparison_of(parts_constitution(tmp_path), answer(right=n), answer()) for n in range(1, 4)
    ]

    async def first_only() -> None:
        verdicts = divided(tmp_path, inner).compare(comparisons)
        async for _ in verdicts:
            break
        await verdicts.aclose()  # type: ignore[attr-defined]

    asyncio.run(first_only())
    assert inner.closed


def test_the_name_changes_with_the_parts(tmp_path: Path) -> None:
    ways: list[dict[str, Any]] = [
        {},
        {"principles": "sampled"},
        {"principles": "sampled", "principle_seed": 1},
        {"principles": "separate"},
        {"axes": "weights"},
        {"axes": "weights", "axis_weights": {"helpful": 1.0}},
        {"axes": "lexicographic"},
        {"axes": "lexicographic", "harmless_margin": 0.1},
        {"principles": "separate", "axes": "weights"},
    ]
    names = [build_judge(settings(tmp_path, **way), MeritReader()).name for way in ways]
    assert len(set(names)) == len(ways)


def test_a_scripted_judge_can_be_asked_in_parts(tmp_path: Path) -> None:
    asked = ScriptedJudgeSettings(
        constitution=str(parts_file(tmp_path)), principles="separate", rule="longer"
    )
    comparison = comparison_of(parts_constitution(tmp_path), answer(right=100), answer())
    (verdict,) = collect(build_judge(asked), [comparison])
    assert verdict.p_first == pytest.approx(0.9)
    assert isinstance(build_judge(ScriptedJudgeSettings()), ScriptedJudge)


@pytest.mark.parametrize(
    "idle",
    [
        {"score_scale": 2.0},
        {"principle_seed": 1, "principles": "separate"},
        {"harmless_margin": 0.1, "axes": "weights"},
        {"safety_threshold": 0.2, "axes": "lexicographic"},
        {"safety_tag": "danger"},
    ],
)
def test_a_setting_that_would_do_nothing_is_refused(tmp_path: Path, idle: dict[str, Any]) -> None:
    with pytest.raises(JudgeSettingsError, match=f"judge.{next(iter(idle))}: counts only with"):
        check_judge(settings(tmp_path, **idle))


def test_a_template_that_never_shows_the_principles_is_refused(tmp_path: Path) -> None:
    bare = tmp_path / "bare.txt"
    bare.write_text("---\nlabels: [A, B]\n---\n[user]\n{{ question }}{{ answer_a }}{{ answer_b }}\n")
    with pytest.raises(JudgeSettingsError, match="never shows the principles"):
        check_judge(settings(tmp_path, template=str(bare), principles="separate"))
    check_judge(settings(tmp_path, template=str(bare)))
