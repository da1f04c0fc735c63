"""One answer at a time: scores by hand, each answer asked once, and the right answer preferred."""

import json
import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from judge import (
    ApiJudgeSettings,
    JudgeSettingsError,
    LocalJudgeSettings,
    build_judge,
    check_judge,
    round_robin,
)
from judge.api.judge import ApiJudge
from judge.api.pointwise import ApiPointwiseJudge
from judge.local import LocalJudge
from judge.local_pointwise import LocalPointwiseJudge
from judge.reading import sigmoid
from judge.score import expected_points, mean_points, preference
from prompts.prompt import Message
from prompts.template import load_template
from store.records import Comparison, Verdict
from tests.judge.chat_server import Behaviour, Body, completion, token
from tests.judge.conftest import Serve
from tests.judge.parts import collect, digit_logprobs
from tests.judge.planted import GENERAL, planted, planted_comparison

POINTS = (0, 1, 2, 3, 4, 5)
DIGITS = tuple("012345")
POINTWISE = LocalJudgeSettings(template="pointwise")


def test_the_score_is_what_the_digit_is_expected_to_be() -> None:
    shares = (0.0, 0.1, 0.2, 0.3, 0.2, 0.0)
    logprobs = [math.log(share) if share else -50.0 for share in shares]
    assert expected_points(logprobs, POINTS) == pytest.approx((0.1 + 0.4 + 0.9 + 0.8) / 0.8)
    assert expected_points([-800.0, -801.0], (0, 1)) == pytest.approx(sigmoid(-1.0))
    assert mean_points((0, 0, 1, 0, 2, 0), POINTS) == pytest.approx(10 / 3)


@given(
    st.lists(st.floats(-60, 0), min_size=2, max_size=6),
    st.floats(0, 5),
    st.floats(0, 5),
    st.floats(0.05, 20),
)
def test_scores_stay_in_range_and_preferences_turn_with_the_answers(
    logprobs: list[float], first: float, second: float, scale: float
) -> None:
    points = tuple(range(1, 1 + len(logprobs)))
    assert points[0] <= expected_points(logprobs, points) <= points[-1]
    p = preference(first, second, scale)
    assert p + preference(second, first, scale) == pytest.approx(1.0)
    assert preference(first, first, scale) == 0.5
    assert (p - 0.5) * (first - second) >= 0.0
    assert preference(scale, 0.0, scale) == pytest.approx(sigmoid(1.0))


def worths_shown(text: str) -> list[int]:
    return [int(part.split()[0]) for part in text.split("worth=")[1:]]


class WorthGrader:
    """Gives an answer a twentieth of its worth in points, and each number a little."""

    revision = "rev_worth"

    def __init__(self, unreadable: int = 10**9, mass: float = 0.9) -> None:
        self.asked: list[int] = []
        self._unreadable, self._mass = unreadable, mass

    def label_logprobs(
        self, chats: Sequence[Sequence[Message]], labels: Sequence[str], batch_tokens: int
    ) -> NDArray[np.float64]:
        assert tuple(labels) == DIGITS
        assert batch_tokens == POINTWISE.batch_tokens
        rows = []
        for chat in chats:
            text = chat[-1].content
            (worth,) = worths_shown(text)
            self.asked.append(worth)
            lost = len(text) > self._unreadable
            row = [value + math.log(self._mass / 0.9) for value in digit_logprobs(worth / 20, labels)]
            rows.append([math.nan] * 6 if lost else row)
        return np.array(rows)


def tournament(worths: list[int], *, turned: bool) -> list[Comparison]:
    prompt, samples = planted(worths)
    comparisons = round_robin(prompt, samples, GENERAL.hash, 1, "train")
    if not turned:
        return comparisons
    fields = [c.model_dump(exclude={"id"}) for c in comparisons]
    return [Comparison(**f | {"first": f["second"], "second": f["first"]}) for f in fields]


def worth_of(comparison: Comparison) -> tuple[int, int]:
    first, second = (int(s.text.removeprefix("worth=")) for s in (comparison.first, comparison.second))
    return first, second


def hold_the_right_way(comparisons: list[Comparison], verdicts: list[Verdict]) -> None:
    """Every verdict's scores and preference are those of its own comparison's samples."""
    by_id = {verdict.comparison_id: verdict for verdict in verdicts}
    assert len(by_id) == len(comparisons) == len(verdicts)
    for comparison in comparisons:
        first, second = worth_of(comparison)
        verdict = by_id[comparison.id]
        assert verdict.p_first is not None
        assert verdict.score_first == pytest.approx(first / 20, abs=1e-6)
        assert verdict.score_second == pytest.approx(second / 20, abs=1e-6)
        assert verdict.p_first == pytest.approx(sigmoid((first - second) / 20), abs=1e-6)
        assert verdict.flipped is None


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("k", range(2, 9))
def test_a_local_judge_scores_each_answer_once_and_prefers_the_better_one(k: int, turned: bool) -> None:
    worths = random.Random(k).sample(range(1, 100), k)
    grader = WorthGrader()
    judge = build_judge(POINTWISE, grader)
    assert isinstance(judge, LocalPointwiseJudge)
    comparisons = tournament(worths, turned=turned)
    hold_the_right_way(comparisons, collect(judge, comparisons))
    assert sorted(grader.asked) == sorted(worths)


def test_a_pointwise_verdict_can_be_walked_back_to_what_was_asked_and_answered() -> None:
    comparison = planted_comparison(90, 10)
    (verdict,) = collect(build_judge(POINTWISE, WorthGrader()), [comparison])
    shown = [json.loads(text)[-1]["content"] for text in verdict.prompt_texts]
    assert [worths_shown(text) for text in shown] == [[90], [10]]
    assert verdict.template == load_template("pointwise").hash
    assert verdict.label_mass == pytest.approx(0.9)
    first, second = json.loads(verdict.raw)
    assert first["labels"] == list(DIGITS)
    assert int(np.argmax(first["logprobs"])) == 4
    assert int(np.argmax(second["logprobs"])) in (0, 1)


def test_a_judge_that_would_not_say_a_number_abstains() -> None:
    (verdict,) = collect(build_judge(POINTWISE, WorthGrader(mass=0.01)), [planted_comparison(90, 10)])
    assert verdict.unscored == "label mass 0.01 is below 0.05"
    assert (verdict.score_first, verdict.p_first) == (None, None)


def test_an_answer_that_is_too_long_is_cut_and_one_that_cannot_be_read_costs_its_comparisons_alone() -> None:
    prompt, samples = planted([80, 20, 40])
    long = samples[0].model_copy(update={"text": f"{'so ' * 2000} worth=80 {'so ' * 2000}"})
    pair = Comparison(
        prompt=prompt, first=long, second=samples[1], round=1, purpose="train", constitution=GENERAL.hash
    )
    (verdict,) = collect(build_judge(POINTWISE, Cut()), [pair])
    assert verdict.score_first == pytest.approx(2.0, abs=1e-6)
    assert "characters left out" in verdict.prompt_texts[0]
    assert "characters left out" not in verdict.prompt_texts[1]
    (verdict,) = collect(build_judge(POINTWISE, WorthGrader(unreadable=10)), [planted_comparison(90, 10)])
    assert verdict.unscored == "the comparison is longer than the policy that judges reads"


class Cut(WorthGrader):
    """Reads texts of up to 7,000 characters, and gives any of them 2 points."""

    def label_logprobs(
        self, chats: Sequence[Sequence[Message]], labels: Sequence[str], batch_tokens: int
    ) -> NDArray[np.float64]:
        del batch_tokens
        return np.array(
            [
                [math.nan] * 6 if len(chat[-1].content) > 7000 else digit_logprobs(2.0, labels)
                for chat in chats
            ]
        )


def test_the_scale_and_the_temperature_set_how_much_a_point_is_worth() -> None:
    names = set()
    for scale, temperature in ((1.0, 1.0), (2.0, 1.0), (1.0, 4.0)):
        ways = LocalJudgeSettings(template="pointwise", score_scale=scale, temperature=temperature)
        judge = build_judge(ways, WorthGrader())
        (verdict,) = collect(judge, [planted_comparison(80, 40)])
        assert verdict.p_first == pytest.approx(sigmoid(2.0 / scale / temperature), abs=1e-6)
        names.add(judge.name)
    assert len(names) == 3


# An external judge


def graded_softly(body: Body, _: int) -> tuple[int, dict[str, str], Body]:
    (worth,) = worths_shown(body["messages"][0]["content"])
    listed = {d: math.exp(p) for d, p in zip(DIGITS, digit_logprobs(worth / 20, DIGITS), strict=True)}
    best = max(listed, key=lambda digit: listed[digit])
    reply = completion(best, logprobs={"content": [token(best, listed | {"Five": 0.05})]})
    return 200, {}, reply


def api(url: str, **settings: Any) -> ApiPointwiseJudge:
    asked = {"attempts": 2, "template": "pointwise", "concurrency": 4} | settings
    judge = build_judge(ApiJudgeSettings(base_url=url, model="m", **asked))
    assert isinstance(judge, ApiPointwiseJudge)
    return judge


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("k", range(2, 9))
def test_an_api_judge_asks_about_each_answer_once_and_prefers_the_better_one(
    serve: Serve, k: int, turned: bool
) -> None:
    worths = random.Random(k).sample(range(1, 100), k)
    server = serve(graded_softly)
    comparisons = tournament(worths, turned=turned)
    verdicts = collect(api(server.url), comparisons)
    hold_the_right_way(comparisons, verdicts)
    asked = [worths_shown(body["messages"][0]["content"])[0] for body in server.requests]
    assert sorted(asked) == sorted(worths)
    assert sum(verdict.usage.calls for verdict in verdicts) == k
    assert all(verdict.label_mass == pytest.approx(0.9, abs=1e-6) for verdict in verdicts)


def test_without_log_probabilities_the_score_is_the_mean_of_the_votes(serve: Serve) -> None:
    said: dict[int, list[int]] = {90: [4, 5, 3], 10: [0, 1, 1]}
    left = {worth: iter(votes) for worth, votes in said.items()}

    def behave(body: Body, _: int) -> tuple[int, dict[str, str], Any]:
        if "n" in body or "logprobs" in body:
            unknown = "n" if "n" in body else "logprobs"
            return 400, {}, {"error": {"message": f"Unsupported parameter: '{unknown}'", "param": unknown}}
        (worth,) = worths_shown(body["messages"][0]["content"])
        verdict = {"reasoning": f"worth {worth}", "verdict": next(left[worth])}
        return 200, {}, completion(json.dumps(verdict))

    judge = api(serve(behave).url, template="pointwise_json", votes=3, temperature=1.0, concurrency=1)
    (verdict,) = collect(judge, [planted_comparison(90, 10)])
    assert (verdict.score_first, verdict.score_second) == pytest.approx((4.0, 2 / 3))
    assert verdict.p_first == pytest.approx(sigmoid(10 / 3))
    assert verdict.rationale == "[first sample] worth 90\n\n[second sample] worth 10"
    assert [len(replies) for replies in json.loads(verdict.raw)] == [3, 3]


def spoken(first_reply: str, repaired: str) -> Behaviour:
    def behave(body: Body, _: int) -> tuple[int, dict[str, str], Body]:
        return 200, {}, completion(first_reply if len(body["messages"]) == 1 else repaired)

    return behave


def test_an_unreadable_grade_is_repaired_once_or_leaves_its_comparison_unscored(serve: Serve) -> None:
    server = serve(spoken("Five of five!", "4"))
    (verdict,) = collect(api(server.url), [planted_comparison(7, 3)])
    assert (verdict.score_first, verdict.p_first) == (4.0, 0.5)
    repair = next(b["messages"][-1]["content"] for b in server.requests if len(b["messages"]) == 3)
    assert "none of 0, 1, 2, 3, 4, 5" in repair
    assert repair.endswith("nothing but one of: 0, 1, 2, 3, 4, 5.")
    (verdict,) = collect(api(serve(spoken("7", "6")).url), [planted_comparison(7, 3)])
    assert verdict.p_first is None
    assert verdict.unscored is not None
    assert "unreadable reply, twice" in verdict.unscored


def test_an_answer_that_cannot_be_graded_costs_its_own_comparisons_alone(serve: Serve) -> None:
    def behave(body: Body, number: int) -> tuple[int, dict[str, str], Body]:
        if "worth=50" in body["messages"][0]["content"]:
            return 200, {}, completion("", finish_reason="content_filter")
        return graded_softly(body, number)

    comparisons = tournament([90, 50, 10], turned=False)
    verdicts = {v.comparison_id: v for v in collect(api(serve(behave).url), comparisons)}
    for comparison in comparisons:
        verdict = verdicts[comparison.id]
        if 50 in worth_of(comparison):
            assert verdict.unscored is not None
            assert "content filter" in verdict.unscored
        else:
            assert verdict.p_first == pytest.approx(sigmoid(4.0), abs=1e-6)


# What is refused


def test_a_template_that_scores_one_answer_is_no_judge_of_pairs() -> None:
    pointwise, pairwise = load_template("pointwise"), load_template("pairwise")
    local = LocalJudgeSettings()
    remote = ApiJudgeSettings(model="m", base_url="http://localhost:1/v1")
    with pytest.raises(JudgeSettingsError, match="scores one answer"):
        LocalJudge(WorthGrader(), pointwise, GENERAL, local)
    with pytest.raises(JudgeSettingsError, match="scores one answer"):
        ApiJudge(remote, pointwise, GENERAL)
    with pytest.raises(JudgeSettingsError, match="mode: pointwise"):
        LocalPointwiseJudge(WorthGrader(), pairwise, GENERAL, local)
    with pytest.raises(JudgeSettingsError, match="mode: pointwise"):
        ApiPointwiseJudge(remote, pairwise, GENERAL)


def test_a_local_judge_reads_bare_digits_only() -> None:
    with pytest.raises(JudgeSettingsError, match="reply: label"):
        check_judge(LocalJudgeSettings(template="pointwise_json"))
