"""The sentence that matters: the same on the page of a run and in plain English, in every state of a round."""

import pytest

from review.bookkeeping import refresh
from review.estimates.audit import audit
from review.estimates.sentence import audit_sentence
from review.simulated import SIMULATED
from review.web.board import Board
from review.web.language import speak
from store.records import Decision, StageMarker
from tests.review.labelled import Labelled

CONFIG = {"rounds": 5, "gate": {"patience": 9}}


@pytest.fixture
def made(store):
    return Labelled(store, **CONFIG)


def both(made, kind, round=3):
    """What the page says, after it was held that plain English says the same."""
    stages = ["judge", "spot_check", *(["gate"] if kind else [])]
    for stage in stages:
        made.run.mark(StageMarker(round=round, stage=stage, seconds=1.0))
    if kind:
        made.run.add_decision(Decision(round=round, kind=kind, policy="rev_0", judge_only="promote"))
    refresh(made.run)
    with speak("en"):
        page = Board(made.run).headline
    assert page == audit_sentence(audit(made.run, round), kind)
    return page


def label(made, against, decided, reviewer="ada", **more):
    for number in range(decided):
        item = made.item(0.9, round=3, inclusion_probability=0.01)
        made.say(item, "worse" if number < against else "better", reviewer, **more)


def test_the_example_that_was_asked_for(made):
    label(made, 19, 60)
    made.say(made.item(0.9, round=3, inclusion_probability=0.01), "same")
    assert both(made, "keep") == (
        "Round 3: the judge disagrees with people on 32% of its pairs, 95% CI 21–44, n = 60: kept the incumbent."
    )


def test_no_label_yet(made):
    made.item(0.9, round=3)
    assert both(made, "keep") == "Round 3: nobody has checked the judge yet: kept the incumbent."


def test_labels_that_decide_nothing_are_no_check(made):
    made.say(made.item(0.9, round=3), "same")
    assert both(made, "promote") == "Round 3: nobody has checked the judge yet: promoted the candidate."


def test_all_agree_and_the_interval_still_says_how_little_is_known(made):
    label(made, 0, 20)
    assert both(made, "promote") == (
        "Round 3: the judge disagrees with people on 0% of its pairs, 95% CI 0–16, n = 20: promoted the candidate."
    )


def test_labels_seen_after_the_verdict_do_not_count(made):
    label(made, 0, 4)
    label(made, 9, 9, blind=False)
    assert "0% of its pairs, 95% CI 0–49, n = 4" in both(made, "keep")


def test_a_simulated_reviewer_is_never_called_people(made):
    label(made, 1, 10, SIMULATED)
    assert "the judge disagrees with the simulated reviewer on 10%" in both(made, "keep")


def test_a_round_under_way_says_so(made):
    label(made, 5, 10)
    for stage in ("judge", "spot_check"):
        made.run.mark(StageMarker(round=3, stage=stage, seconds=1.0))
    refresh(made.run)
    with speak("en"):
        assert Board(made.run).headline == "Round 3 is under way: no candidate has been weighed yet."
    assert audit_sentence(audit(made.run, 3), None) == (
        "Round 3: the judge disagrees with people on 50% of its pairs, 95% CI 24–76, n = 10: under way."
    )


def test_a_run_without_kept_figures_says_that_they_are_being_made(made):
    with speak("en"):
        assert Board(made.run).headline == "The figures of this run are being made."


@pytest.mark.parametrize("locale", ["zh_Hant", "zh_Hans"])
def test_other_languages_tell_the_same_figures(made, locale):
    label(made, 19, 60)
    both(made, "keep")
    with speak(locale):
        said = Board(made.run).headline
    for figure in ("32%", "21–44", "60", "3"):
        assert figure in said
