"""The gate: labels decide, the judge's word is only shown, and the reason is a sentence with the figures in it."""

import numpy as np
import pytest
from pydantic import ValidationError

from judge.interval import Interval
from loop.gate import GateEvidence, decide
from loop.settings import GateSettings
from review.estimates.win_rate import prediction_powered

JUDGE_LIKES = Interval(value=0.55, low=0.53, high=0.56)
JUDGE_UNSURE = Interval(value=0.5, low=0.48, high=0.53)
JUDGE_DISLIKES = Interval(value=0.4, low=0.37, high=0.43)


def estimate(wins, labels=60, confidence=0.95):
    y = (np.arange(labels) < wins * labels).astype(float)
    return prediction_powered(y, np.full(labels, 0.5), np.full(200, 0.5), 40, confidence)


def evidence(wins=None, judge=JUDGE_LIKES, labels=60, **more):
    corrected = None if wins is None else estimate(wins, labels)
    return GateEvidence(judge_win_rate=judge, corrected_win_rate=corrected, **{"differing": 200, **more})


@pytest.mark.parametrize("judge", [JUDGE_LIKES, JUDGE_UNSURE, JUDGE_DISLIKES, None])
@pytest.mark.parametrize(("wins", "kind"), [(0.75, "promote"), (0.55, "keep"), (0.3, "keep")])
def test_labels_decide_whatever_the_judge_says(judge, wins, kind):
    decision = decide(evidence(wins, judge), GateSettings())
    assert (decision.kind, decision.audited) == (kind, True)
    assert decision.judge_only == ("promote" if judge is JUDGE_LIKES else "keep")


def test_the_reason_for_keeping_is_a_sentence_with_the_figures():
    assert decide(evidence(0.4), GateSettings()).reason == (
        "The judge calls the candidate better (win rate 0.55, 95% CI 0.53–0.56), but 60 labels put the candidate at "
        "0.42 (one-sided 95% lower bound 0.33): kept the incumbent."
    )


def test_the_reason_for_promoting_is_a_sentence_with_the_figures():
    assert decide(evidence(0.75, simulated=True), GateSettings()).reason == (
        "The judge calls the candidate better (win rate 0.55, 95% CI 0.53–0.56), and 60 simulated labels put the "
        "candidate at 0.71 (one-sided 95% lower bound 0.62): promoted the candidate."
    )


@pytest.mark.parametrize("settings", [GateSettings(), GateSettings(evidence="judge")])
def test_a_drift_alarm_blocks_and_is_named(settings):
    decision = decide(evidence(0.9, alarms=("mean_tokens", "kl_last")), settings)
    assert (decision.kind, decision.judge_only) == ("keep", "promote")
    assert ", but its answers drifted out of bounds (mean_tokens, kl_last): kept" in decision.reason


@pytest.mark.parametrize(("labels", "word"), [(None, "none of the 30"), (29, "only 29 of the 30")])
def test_too_few_labels_keep_the_incumbent_and_say_what_to_do(labels, word):
    decision = decide(evidence(labels and 1.0, labels=labels), GateSettings())
    assert (decision.kind, decision.judge_only, decision.audited) == ("keep", "promote", False)
    assert word in decision.reason
    assert "rlaif review next" in decision.reason


def test_too_few_differing_answers_say_so():
    decision = decide(evidence(1.0, labels=12, differing=12), GateSettings())
    assert decision.kind == "keep"
    assert "only 12 held-out answers differ" in decision.reason


@pytest.mark.parametrize("by", ["labels", "judge"])
def test_a_candidate_that_answers_as_the_incumbent_does_is_kept_out(by):
    half = Interval(value=0.5, low=0.5, high=0.5)
    decision = decide(evidence(judge=half, differing=0), GateSettings(evidence=by))
    assert (decision.kind, decision.judge_only, decision.audited) == ("keep", "keep", False)
    assert "as the incumbent does" in decision.reason


@pytest.mark.parametrize(
    ("judge", "kind"),
    [(JUDGE_LIKES, "promote"), (JUDGE_UNSURE, "keep"), (JUDGE_DISLIKES, "keep"), (None, "keep")],
)
def test_a_decision_on_the_judges_word_is_called_unaudited(judge, kind):
    decision = decide(evidence(0.1, judge), GateSettings(evidence="judge"))
    assert (decision.kind, decision.judge_only, decision.audited) == (kind, kind, False)
    assert "unaudited" in decision.reason


def test_the_confidence_asked_for_is_the_one_that_decides():
    found = estimate(0.58, confidence=0.8)
    assert found.lower > 0.5 > estimate(0.58).lower
    strict = GateEvidence(judge_win_rate=None, corrected_win_rate=estimate(0.58), differing=200)
    lenient = GateEvidence(judge_win_rate=None, corrected_win_rate=found, differing=200)
    assert [decide(e, GateSettings()).kind for e in (strict, lenient)] == ["keep", "promote"]
    assert "one-sided 80%" in decide(lenient, GateSettings()).reason


def test_settings_that_could_never_promote_are_refused():
    with pytest.raises(ValidationError, match="nothing is ever promoted"):
        GateSettings(labels=20)
    assert GateSettings(labels=0, evidence="judge").labels == 0
