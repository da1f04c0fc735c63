"""A panel folds its members' verdicts, loses none of them, and never counts a failure as a vote."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from judge.build import build_judge
from judge.errors import JudgeStopped
from judge.panel import PanelJudge
from judge.scripted import ScriptedJudge
from judge.settings import JudgeSettings, PanelJudgeSettings, single_judges
from store.records import Comparison, Usage, Verdict
from tests.judge.planted import planted_comparison


class Fixed:
    """A judge that always says the same, with its texts and its price."""

    def __init__(self, name: str, p_first: float | None, **more: Any) -> None:
        self.name = name
        self._values = {
            "p_first": p_first,
            "unscored": "it would not say" if p_first is None else None,
            **more,
        }

    async def compare(self, comparisons: Iterable[Comparison]) -> AsyncIterator[Verdict]:
        for comparison in comparisons:
            yield Verdict(
                comparison_id=comparison.id,
                judge=self.name,
                template="t",
                constitution=comparison.constitution,
                usage=Usage(calls=2, input_tokens=10, output_tokens=1, cost_usd=0.5),
                **self._values,
            )


def verdicts(panel: PanelJudge, comparisons: list[Comparison]) -> list[Verdict]:
    async def collect() -> list[Verdict]:
        return [verdict async for verdict in panel.compare(comparisons)]

    return asyncio.run(collect())


def verdict(*members: Fixed, **more: Any) -> Verdict:
    return verdicts(PanelJudge(members, **more), [planted_comparison(1, 2)])[0]


def test_the_mean_is_of_probabilities_by_weight() -> None:
    plain = verdict(Fixed("a", 0.9), Fixed("b", 0.2), Fixed("c", 0.7))
    assert plain.p_first == pytest.approx(0.6)
    weighed = verdict(Fixed("a", 0.9), Fixed("b", 0.2), weights=(3.0, 1.0))
    assert weighed.p_first == pytest.approx(0.725)


def test_a_vote_counts_sides_and_not_confidence() -> None:
    voted = verdict(Fixed("a", 0.51), Fixed("b", 0.01), Fixed("c", 0.51), combine="vote")
    assert voted.p_first == pytest.approx(2 / 3)
    assert verdict(Fixed("a", 0.5), Fixed("b", 0.9), combine="vote").p_first == pytest.approx(0.75)


def test_a_failure_is_left_out_and_too_many_leave_the_verdict_unscored() -> None:
    enough = verdict(Fixed("a", 0.9), Fixed("b", None), Fixed("c", 0.7))
    assert enough.p_first == pytest.approx(0.8)
    short = verdict(Fixed("a", 0.9), Fixed("b", None), Fixed("c", None))
    assert short.p_first is None
    assert short.unscored == "1 of 3 members scored it, and the quorum is 2: it would not say"
    assert verdict(Fixed("a", 0.9), Fixed("b", None), quorum=1).p_first == 0.9
    assert verdict(Fixed("a", 0.9), Fixed("b", None), Fixed("c", 0.7), quorum=3).p_first is None


def test_disagreement_is_nothing_among_the_like_and_one_among_sure_opposites() -> None:
    assert verdict(Fixed("a", 0.8), Fixed("b", 0.8)).disagreement == pytest.approx(0, abs=1e-9)
    assert verdict(Fixed("a", 1.0), Fixed("b", 0.0)).disagreement == pytest.approx(1)
    assert verdict(Fixed("a", 0.9), Fixed("b", 0.5)).disagreement == pytest.approx(0.4)


def test_what_the_members_said_and_cost_is_kept() -> None:
    found = verdict(
        Fixed("a", 0.9, prompt_hashes=("h1", "h2"), prompt_texts=("one", "two"), rationale="clear"),
        Fixed("b", None, prompt_hashes=("h2", "h3"), prompt_texts=("two", "three"), raw="{}"),
        quorum=1,
    )
    assert (found.prompt_hashes, found.prompt_texts) == (("h1", "h2", "h3"), ("one", "two", "three"))
    assert found.rationale == "[a] clear"
    said = json.loads(found.raw)
    assert [(one["judge"], one.get("p_first"), one.get("unscored")) for one in said] == [
        ("a", 0.9, None),
        ("b", None, "it would not say"),
    ]
    assert (found.usage.calls, found.usage.input_tokens, found.usage.cost_usd) == (4, 20, 1.0)


def test_ties_are_kept_where_a_member_may_call_them() -> None:
    assert verdict(Fixed("a", 0.6), Fixed("b", 0.6)).p_tie is None
    assert verdict(Fixed("a", 0.6, p_tie=0.4), Fixed("b", 0.6)).p_tie == pytest.approx(0.2)
    assert verdict(Fixed("a", 0.5, p_tie=1.0), Fixed("b", 0.9), combine="vote").p_tie == pytest.approx(0.5)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 5)), min_size=2, max_size=5),
    st.sampled_from(["mean", "vote"]),
)
@settings(deadline=None, max_examples=40)
def test_turning_every_member_turns_the_panel(members: list[tuple[float, float]], combine: Any) -> None:
    weights = [weight for _, weight in members]
    panels = [
        verdict(
            *(Fixed(f"m{n}", 1 - p if turned else p) for n, (p, _) in enumerate(members)),
            combine=combine,
            weights=weights,
        )
        for turned in (False, True)
    ]
    assert panels[0].p_first is not None
    assert panels[1].p_first == pytest.approx(1 - panels[0].p_first, abs=1e-9)
    assert panels[1].disagreement == pytest.approx(panels[0].disagreement, abs=1e-6)


def test_its_name_changes_with_everything_its_verdicts_could_change_with() -> None:
    one, other = Fixed("a", 0.5), Fixed("b", 0.5)
    names = {
        PanelJudge([one, other]).name,
        PanelJudge([one, one]).name,
        PanelJudge([one, other], combine="vote").name,
        PanelJudge([one, other], weights=[1.0, 2.0]).name,
        PanelJudge([one, other], quorum=1).name,
    }
    assert len(names) == 5


def test_every_comparison_is_judged_once_across_chunks() -> None:
    comparisons = [planted_comparison(1, 2, f"question {n}?") for n in range(1100)]
    members = [ScriptedJudge(lambda _: 0.7, name="one"), ScriptedJudge(lambda _: 0.9, name="two")]
    found = verdicts(PanelJudge(members), comparisons)
    assert [v.comparison_id for v in found] == [c.id for c in comparisons]
    assert {v.p_first for v in found} == {0.8}


def test_a_member_that_stops_stops_the_panel_and_no_other_is_left_running() -> None:
    running: list[str] = []

    class Slow(Fixed):
        async def compare(self, comparisons: Iterable[Comparison]) -> AsyncIterator[Verdict]:
            running.append("started")
            try:
                await asyncio.sleep(60)
            finally:
                running.append("ended")
            async for verdict in super().compare(comparisons):
                yield verdict

    class Stops(Fixed):
        async def compare(self, comparisons: Iterable[Comparison]) -> AsyncIterator[Verdict]:
            await asyncio.sleep(0)
            for _ in comparisons:
                raise JudgeStopped("no such model")
            yield verdict(Fixed("nobody", None))

    with pytest.raises(JudgeStopped, match="no such model"):
        verdict(Slow("slow", 0.5), Stops("stops", 0.5))
    assert running == ["started", "ended"]


def typed(tree: dict[str, Any]) -> PanelJudgeSettings:
    found = TypeAdapter(JudgeSettings).validate_python({"kind": "panel", **tree})
    assert isinstance(found, PanelJudgeSettings)
    return found


def test_members_take_what_the_panel_says_and_keep_what_they_say() -> None:
    panel = typed(
        {
            "template": "starter",
            "constitution": "starter",
            "answer_chars": 500,
            "schedule": "swiss",
            "members": [{"policy": "initial"}, {"kind": "scripted", "answer_chars": 900}],
        }
    )
    one, other = single_judges(panel)
    assert (one.kind, one.template, one.constitution, one.answer_chars) == (
        "local",
        "starter",
        "starter",
        500,
    )
    assert (other.answer_chars, other.schedule) == (900, "auto")
    assert TypeAdapter(JudgeSettings).validate_python(panel.model_dump(mode="json")) == panel


@pytest.mark.parametrize(
    ("tree", "reason"),
    [
        ({"members": [{"kind": "scripted"}]}, "at least 2"),
        ({"members": [{"kind": "scripted"}] * 2, "weights": [1.0]}, "1 weights for 2 members"),
        ({"members": [{"kind": "scripted"}] * 2, "quorum": 3}, "never reached"),
        ({"members": [{"kind": "scripted", "constitution": "starter"}] * 2}, "set it for the panel"),
        ({"members": [{"kind": "scripted", "schedule": "swiss"}] * 2}, "member 1 sets schedule"),
    ],
)
def test_panels_that_cannot_work_are_refused(tree: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        typed(tree)


def test_a_panel_is_built_from_its_settings() -> None:
    members = [
        {"kind": "scripted", "rule": rule, "confidence": 0.8} for rule in ("shorter", "longer", "shorter")
    ]
    panel = build_judge(typed({"members": members}))
    comparison = planted_comparison(1, 1000)
    found = asyncio.run(_first(panel.compare([comparison])))
    assert found.p_first == pytest.approx((0.8 + 0.2 + 0.8) / 3)


async def _first(found: AsyncIterator[Verdict]) -> Verdict:
    return await anext(found)
