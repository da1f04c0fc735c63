"""Figures of a judge against labels: small cases by hand, planted accuracy and bias recovered."""

import math
import random
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa as library_kappa
from statsmodels.stats.proportion import proportion_confint

from judge.errors import JudgeError
from judge.measure.evaluation import JudgeEvaluation, evaluate
from judge.measure.figures import Judged
from judge.measure.kappa import cohens_kappa
from judge.measure.labelled import Labelled
from judge.measure.paired import compare_judges
from judge.measure.resampling import groups_of, rate
from store.records import Comparison, Message, Part, Prompt, Sample, Usage, Verdict

Choice = Literal["first", "second", "tie"]


def row(
    number: int,
    label: Choice = "first",
    texts: tuple[str, str] = ("aa", "b"),
    prompt: str | None = None,
    subset: str = "",
) -> Labelled:
    asked = Prompt(messages=(Message(role="user", content=prompt or f"Q{number}"),), split="heldout")
    samples = [
        Sample(
            prompt_id=asked.id, policy="p", round=0, purpose="gate", index=2 * number + place, seed=0, settings="",
            text=text, tokens=0, finish_reason="stop",
        )
        for place, text in enumerate(texts)
    ]  # fmt: skip
    comparison = Comparison(
        prompt=asked, first=samples[0], second=samples[1], round=0, purpose="gate", constitution="c"
    )
    return Labelled(comparison, label, subset, f"here:{number}")


def verdict(
    of: Labelled, p: float | None, orders: tuple[float, float] | None = None, **more: object
) -> Verdict:
    one, other = orders or (p, p)
    return Verdict.model_validate(
        {
            "comparison_id": of.comparison.id,
            "judge": "j",
            "template": "t",
            "constitution": "c",
            "p_first": p,
            "p_first_shown_first": one,
            "p_first_shown_second": other,
            "unscored": "too long" if p is None else None,
            **more,
        }
    )


def by_hand() -> tuple[list[Labelled], list[Verdict]]:
    """Six rows; right, right by one order only, wrong, undecided, a tie, unscored."""
    rows = [
        row(0, "first", ("long one", "x")),
        row(1, "second", ("y", "long one")),
        row(2, "first", ("z", "long one")),
        row(3, "second", ("same", "size")),
        row(4, "tie", ("long one", "z")),
        row(5, "first", ("long one", "z")),
    ]
    said = [
        verdict(rows[0], 0.9, (0.95, 0.85)),
        verdict(rows[1], 0.4, (0.7, 0.1)),
        verdict(rows[2], 0.2, (0.3, 0.1)),
        verdict(rows[3], 0.5, (0.8, 0.2)),
        verdict(rows[4], 0.6, (0.7, 0.5)),
        verdict(rows[5], None),
    ]
    return rows, said


def test_every_figure_of_a_small_case_is_as_by_hand() -> None:
    found = evaluate(*by_hand(), data="d", data_hash="h")
    assert (found.n, found.scored, found.ties, found.decided, found.undecided) == (6, 5, 1, 4, 1)
    assert found.accuracy is not None
    assert found.accuracy.value == pytest.approx((1 + 1 + 0 + 0.5) / 4)
    assert found.accuracy_first_order == pytest.approx((1 + 0 + 0 + 0) / 4)
    assert found.accuracy_second_order == pytest.approx((1 + 1 + 0 + 1) / 4)
    assert found.flip_rate == pytest.approx(2 / 5)
    # Single orders for the slot shown first: rows 0..4 give 1+0, 1+1, 0+1, 1+1, 1+½ of 2 each.
    assert found.first_slot_rate == pytest.approx((1 + 2 + 1 + 2 + 1.5) / 10)
    assert found.longer_rate == pytest.approx((1 + 1 + 1) / 3)
    assert found.human_longer_rate == pytest.approx((1 + 1 + 0) / 3)
    # Confidences 0.9, 0.6, 0.8, 0.5 in four bins; right 1, 1, 0, ½.
    assert found.ece == pytest.approx((0.1 + 0.4 + 0.8 + 0.0) / 4)
    assert found.brier == pytest.approx((0.1**2 + 0.4**2 + 0.8**2 + 0.5**2) / 4)
    assert found.unscored == {"too long": 1}
    assert found.agreement_with_ties is not None
    # By orders the judge says first, tie, second, tie, first of first, second, first, second, tie.
    assert found.agreement_with_ties.value == pytest.approx(1 / 5)
    assert (found.temperature, found.ece_calibrated, found.reliability_calibrated) == (None, None, [])
    assert (found.judge, found.template, found.constitution, found.data, found.data_hash) == (
        "j",
        "t",
        "c",
        "d",
        "h",
    )


def test_accuracy_at_coverage_takes_the_surest_first() -> None:
    rows = [row(n) for n in range(10)]
    said = [verdict(one, 0.99 - 0.04 * n if n < 5 else 0.3) for n, one in enumerate(rows)]
    points = evaluate(rows, said).coverage
    assert [point.n for point in points] == list(range(1, 11))
    assert [point.accuracy for point in points[:5]] == [1.0] * 5
    # The other five are equally sure, so taking one or two of them takes their mean.
    assert points[5].accuracy == pytest.approx(5 / 6)
    assert points[6].accuracy == pytest.approx(5 / 7)
    assert points[-1].accuracy == pytest.approx(0.5)
    assert points[-1].threshold == pytest.approx(0.7)


def test_the_judge_says_tie_by_its_own_word_where_it_may() -> None:
    rows = [row(0, "tie"), row(1, "tie"), row(2, "first")]
    said = [
        verdict(rows[0], 0.55, p_tie=0.8),
        verdict(rows[1], 0.9, p_tie=0.1),
        verdict(rows[2], 0.9, p_tie=0.1),
    ]
    found = evaluate(rows, said).agreement_with_ties
    assert found is not None
    assert found.value == pytest.approx(2 / 3)
    assert evaluate(rows[2:], said[2:]).agreement_with_ties is None


def test_spending_is_summed_and_unknown_where_a_price_is() -> None:
    rows = [row(0), row(1)]

    def spent(*costs: float | None) -> JudgeEvaluation:
        usage = [Usage(calls=2, input_tokens=10, output_tokens=3, cost_usd=cost) for cost in costs]
        return evaluate(rows, [verdict(one, 0.6, usage=used) for one, used in zip(rows, usage, strict=True)])

    assert spent(0.25, 0.5).cost_usd == pytest.approx(0.75)
    assert (spent(0.25, 0.5).calls, spent(0.25, 0.5).input_tokens, spent(0.25, 0.5).output_tokens) == (
        4,
        20,
        6,
    )
    assert spent(0.25, None).cost_usd is None
    assert evaluate(rows, [verdict(one, 0.6) for one in rows]).cost_usd == 0


def test_nothing_scored_is_no_figure_and_no_crash() -> None:
    rows = [row(0, subset="s"), row(1, "tie", subset="s")]
    found = evaluate(rows, [verdict(one, None) for one in rows])
    assert (found.n, found.scored, found.decided) == (2, 0, 0)
    assert (
        found.accuracy
        is found.kappa
        is found.ece
        is found.brier
        is found.temperature
        is found.flip_rate
        is None
    )
    assert found.coverage == found.reliability == []
    assert found.by_subset["s"].accuracy is None


def test_reasons_that_differ_in_numbers_alone_are_counted_together() -> None:
    rows = [row(n) for n in range(4)]
    reasons = [
        "label mass 0.01 is below 0.05",
        "label mass 0.0304 is below 0.05",
        "too long (512)",
        "too long (512)",
    ]
    said = [verdict(one, None, unscored=reason) for one, reason in zip(rows, reasons, strict=True)]
    assert evaluate(rows, said).unscored == {"label mass # is below #": 2, "too long (512)": 2}


def test_a_missing_verdict_is_refused() -> None:
    rows, said = by_hand()
    with pytest.raises(JudgeError, match="without a verdict, here:2"):
        evaluate(rows, [one for one in said if one.comparison_id != rows[2].comparison.id])


def planted(
    accuracy: float, *, prompts: int = 2000, slot: float = 0.0, seed: int = 5, subset: str = ""
) -> tuple[list[Labelled], list[Verdict]]:
    """A judge that is right at this rate and takes the first slot, whatever is there, in a share `slot` of orders."""
    rng = random.Random(seed)
    rows, said = [], []
    for number in range(prompts):
        label: Choice = rng.choice(("first", "second"))
        one = row(number, label, subset=subset)
        right = rng.random() < accuracy
        p = 0.8 if right == (label == "first") else 0.2
        orders = (0.8 if rng.random() < slot else p, 0.2 if rng.random() < slot else p)
        rows.append(one)
        said.append(verdict(one, sum(orders) / 2, orders))
    return rows, said


def test_a_planted_accuracy_and_its_calibration_are_recovered() -> None:
    rows, said = planted(0.7)
    found = evaluate(rows, said)
    assert found.accuracy is not None
    assert found.accuracy.low < 0.7 < found.accuracy.high
    assert found.accuracy.high - found.accuracy.low == pytest.approx(4 * math.sqrt(0.7 * 0.3 / 2000), rel=0.1)
    assert found.flip_rate == 0.0
    assert found.first_slot_rate == pytest.approx(0.5)
    assert found.kappa == pytest.approx(2 * found.accuracy.value - 1, abs=0.02)
    # It says 0.8 and is right in 0.7: the temperature that mends it is logit(0.8) / logit(0.7).
    assert found.temperature == pytest.approx(math.log(4) / math.log(7 / 3), rel=0.1)
    assert found.ece == pytest.approx(0.1, abs=0.03)
    assert found.ece_calibrated is not None
    assert found.ece_calibrated < 0.02
    assert found.brier is not None
    assert found.brier_calibrated is not None
    assert found.brier_calibrated < found.brier


def test_a_planted_slot_bias_is_recovered_from_single_orders() -> None:
    found = evaluate(*planted(0.9, slot=0.4))
    # In 0.4 of the orders the first slot wins, in the rest it holds the preferred answer half the time.
    assert found.first_slot_rate == pytest.approx(0.4 + 0.6 / 2, abs=0.02)
    # An answer that is not first is preferred by both orders unless one of them is taken by the slot.
    assert found.flip_rate == pytest.approx(0.4**2 + 0.4 * 0.6, abs=0.03)
    assert found.accuracy_first_order == pytest.approx(0.4 * 0.5 + 0.6 * 0.9, abs=0.03)


def test_rows_of_one_prompt_widen_the_interval() -> None:
    rng = random.Random(3)
    rows, said = [], []
    for prompt in range(40):
        right = rng.random() < 0.6
        for copy in range(10):
            one = row(10 * prompt + copy, "first", prompt=f"P{prompt}")
            rows.append(one)
            said.append(verdict(one, 0.8 if right else 0.2))
    shared = evaluate(rows, said).accuracy
    assert shared is not None
    low, high = proportion_confint(round(shared.value * 400), 400, method="wilson")
    width = shared.high - shared.low
    assert width == pytest.approx((high - low) * math.sqrt(10), rel=0.15)


def test_the_order_of_rows_and_verdicts_changes_nothing() -> None:
    rows, said = planted(0.7, prompts=60)
    shuffled, others = list(rows), list(said)
    random.Random(1).shuffle(shuffled)
    random.Random(2).shuffle(others)
    assert evaluate(shuffled, others) == evaluate(rows, said)


def test_subsets_have_figures_of_their_own() -> None:
    one, other = planted(1.0, prompts=50, subset="easy"), planted(0.0, prompts=30, subset="hard")
    hard = [row(1000 + n, r.label, subset="hard") for n, r in enumerate(other[0])]
    said = [verdict(new, v.p_first) for new, v in zip(hard, other[1], strict=True)]
    found = evaluate([*one[0], *hard], [*one[1], *said])
    assert {name: (f.n, f.accuracy.value if f.accuracy else None) for name, f in found.by_subset.items()} == {
        "easy": (50, 1.0),
        "hard": (30, 0.0),
    }
    perfect = found.by_subset["easy"].accuracy
    assert perfect is not None
    assert 0.9 < perfect.low < 1.0  # fifty rows all right do not make certainty


def test_principles_judged_alone_are_measured_against_the_labels() -> None:
    rows = [row(n) for n in range(30)]
    said = [
        verdict(
            one, 0.7, by_principle={"true": Part(p_first=0.9), "kind": Part(p_first=0.2 if n % 3 else 0.8)}
        )
        for n, one in enumerate(rows)
    ]
    found = evaluate(rows, said).by_principle
    assert {name: (f.n, f.accuracy.value) for name, f in found.items()} == {
        "kind": (30, pytest.approx(1 / 3)),
        "true": (30, 1.0),
    }
    assert found["kind"].temperature == 100.0
    assert found["true"].temperature == 0.05


@pytest.mark.parametrize("table", [[[20, 5], [10, 15]], [[3, 1, 2], [0, 7, 1], [4, 0, 9]]])
def test_kappa_is_that_of_the_library(table: list[list[int]]) -> None:
    judge: list[str] = []
    people: list[str] = []
    for i, counts in enumerate(table):
        for j, count in enumerate(counts):
            judge += [str(i)] * count
            people += [str(j)] * count
    found = cohens_kappa(judge, people, np.arange(len(judge)))
    wanted = library_kappa(np.array(table))
    assert found is not None
    assert found.value == pytest.approx(wanted.kappa)
    # The bootstrap's interval and the library's asymptotic one differ a little on so few rows.
    assert found.low == pytest.approx(wanted.kappa_low, abs=0.08)
    assert found.high == pytest.approx(wanted.kappa_upp, abs=0.08)


def test_kappa_is_undefined_where_both_always_say_the_same() -> None:
    assert cohens_kappa(["first"] * 5, ["first"] * 5, np.arange(5)) is None
    assert cohens_kappa([], [], np.arange(0)) is None


def test_a_single_prompt_says_nothing_of_the_spread_between_prompts() -> None:
    found = rate(np.ones(5), np.ones(5), groups_of(["p"] * 5))
    assert found is not None
    assert (found.low, found.value, found.high) == (0.0, 1.0, 1.0)
    assert rate(np.zeros(5), np.zeros(5), groups_of(["p"] * 5)) is None


def judged(rows: Sequence[Labelled], right: Sequence[bool | None]) -> Judged:
    said = [
        verdict(one, None if ok is None else 0.8 if ok else 0.2) for one, ok in zip(rows, right, strict=True)
    ]
    return Judged.of(rows, {v.comparison_id: v for v in said})


def test_two_judges_are_told_apart_by_the_rows_on_which_one_is_right() -> None:
    rows = [row(n) for n in range(14)]
    one = judged(rows, [True] * 9 + [False] * 4 + [True])
    other = judged(rows, [False] * 8 + [True] + [False] * 3 + [True] + [None])
    found = compare_judges("a", one, "b", other)
    assert found is not None
    assert (found.n, found.only_judge_right, found.only_baseline_right) == (13, 8, 1)
    assert found.difference.value == pytest.approx(7 / 13)
    # Two-sided exact binomial: 2 · (C(9,0) + C(9,1)) / 2⁹.
    assert found.mcnemar_p == pytest.approx(2 * 10 / 512)
    assert found.prompts_p == pytest.approx(2 * 10 / 512, abs=0.01)
    assert found.difference.low > 0


def test_a_judge_against_itself_differs_in_nothing() -> None:
    rows = [row(n) for n in range(8)]
    same = judged(rows, [True, False] * 4)
    found = compare_judges("a", same, "b", same)
    assert found is not None
    assert (found.mcnemar_p, found.prompts_p, found.difference.value) == (1.0, 1.0, 0.0)
    assert (found.difference.low, found.difference.high) == (0.0, 0.0)


def test_shared_prompts_make_the_test_by_prompts_the_more_careful_one() -> None:
    rows = [row(n, prompt=f"P{n // 6}") for n in range(24)]
    found = compare_judges("a", judged(rows, [True] * 24), "b", judged(rows, [False] * 24))
    assert found is not None
    assert found.mcnemar_p < 1e-6
    assert found.prompts_p == pytest.approx(2 / 2**4, abs=0.02)  # four prompts, all one way


def test_judges_of_other_rows_are_not_compared() -> None:
    rows = [row(n) for n in range(4)]
    with pytest.raises(JudgeError, match="same labelled comparisons"):
        compare_judges("a", judged(rows, [True] * 4), "b", judged(rows[:3], [True] * 3))
    none = judged(rows, [None] * 4)
    assert compare_judges("a", none, "b", none) is None
