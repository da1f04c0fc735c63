"""When a run is over."""

from typing import Literal

import pytest

from review.stopping import why_stopped
from store.records import Decision

Kind = Literal["promote", "keep", "rollback"]


def decided(*kinds: Kind) -> list[Decision]:
    """Decisions in order; a rollback belongs to the round before it."""
    decisions, round_ = [], 0
    for kind in kinds:
        round_ += kind != "rollback"
        decisions.append(Decision(round=round_, kind=kind, policy="rev_0"))
    return decisions


@pytest.mark.parametrize(
    ("kinds", "played", "patience", "stops"),
    [
        ((), 0, 1, False),
        (("promote", "promote"), 2, 1, False),
        (("promote", "keep"), 2, 1, True),
        (("keep", "promote"), 2, 1, False),
        (("keep",), 1, 2, False),
        (("keep", "keep"), 2, 2, True),
        (("keep", "promote", "keep"), 3, 2, False),
        (("keep", "keep", "rollback"), 2, 2, False),
        (("keep", "rollback", "keep"), 2, 2, False),
    ],
)
def test_the_gate_stops_a_run_after_so_many_kept_rounds_in_a_row(
    kinds: tuple[Kind, ...], played: int, patience: int, stops: bool
) -> None:
    assert bool(why_stopped(decided(*kinds), played, 99, patience)) == stops


def test_a_run_ends_after_the_rounds_asked_for_and_goes_on_when_more_are() -> None:
    decisions = decided("promote", "promote")
    assert why_stopped(decisions, 2, 2, 1) == "all 2 rounds asked for were played"
    assert why_stopped(decisions, 2, 3, 1) is None


def test_a_decision_of_a_round_that_is_not_finished_does_not_count() -> None:
    assert why_stopped(decided("promote", "keep"), 1, 9, 1) is None
