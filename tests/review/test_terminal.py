"""The review queue in a terminal: blind, from a pipe, and unmoved by what answers contain."""

import io

import pytest
from rich.console import Console

from review.draw import draw
from review.queue import status
from review.simulated import SimulatedReviewer
from review.terminal import review_next, show_status
from store.records import StageMarker

HOSTILE = "[red]not markup[/red] [/] \x1b[2J\x07\rhidden \u202ereversed\x9b31m [link=x]y[/link] \ud800"


def _console(width=100, terminal=False):
    return Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)


@pytest.fixture
def run(make_judged, fill):
    judged = make_judged([0.9137] * 6, [(f"FIRST {i}", f"SECOND {i}") for i in range(6)])
    run = fill(judged)
    run.add_review_items(draw(judged, 4, 1, 3, 1, "gate"))
    return run


def test_one_comparison_is_shown_blind_and_a_key_records_a_label(run):
    console = _console()
    assert review_next(run, "ada", console, io.StringIO("2\n")) == 1
    shown = console.file.getvalue()
    (label,) = run.labels(1)
    assert label.value == ("worse" if label.swapped else "better")
    assert "FIRST" in shown
    assert "SECOND" in shown
    assert shown.index("FIRST") < shown.index("SECOND") or label.swapped
    for told in ("0.91", "random", "targeted", "rev_", "judge", "gate", "candidate"):
        assert told not in shown


def test_a_pipe_of_keys_answers_skips_and_quits(run):
    assert review_next(run, "ada", _console(), io.StringIO("1\n0\ns\nq\n5\n"), limit=None) == 2
    assert len(list(run.labels(1))) == 2
    assert len(list(run.open_items("ada"))) == 2
    assert len(list(run.open_items("bob"))) == 3


def test_a_wrong_key_is_asked_again_and_the_end_of_input_ends(run):
    console = _console()
    assert review_next(run, "ada", console, io.StringIO("7\nyes\n\n3"), limit=None) == 1
    assert "'yes' is not one of the keys" in console.file.getvalue()
    assert [label.value for label in run.labels(1)] == ["same"]


def test_an_empty_queue_says_so(run):
    review_next(run, "ada", _console(), io.StringIO("3\n" * 5), limit=None)
    console = _console()
    assert review_next(run, "ada", console, io.StringIO("")) == 0
    assert "Nothing is waiting" in console.file.getvalue()


@pytest.mark.parametrize("width", [40, 120])
@pytest.mark.parametrize("terminal", [False, True])
def test_hostile_text_is_shown_as_text(make_judged, fill, width, terminal):
    judged = make_judged([0.5], [(HOSTILE.replace("\ud800", ""), "plain")])
    run = fill(judged)
    run.add_review_items(draw(judged, 1, 0, 3, 1, "gate"))
    console = _console(width, terminal)
    review_next(run, "ada", console, io.StringIO("3\n"))
    shown = console.file.getvalue()
    if terminal:
        shown = shown.replace("\x1b[2m", "").replace("\x1b[0m", "")  # the help line's own dim style
    assert not set(shown) & {"\x1b", "\x07", "\r", "\x9b", "\u202e"}
    flat = "".join(shown.split()).replace("│", "")
    for piece in ("[red]notmarkup[/red]", "[/]", "⟨U+001B⟩[2J", "⟨U+202E⟩reversed", "[link=x]y[/link]"):
        assert piece in flat


def test_status_says_which_labels_are_simulated(run):
    run.mark(StageMarker(round=0, stage="run", seconds=0.0))
    items = list(run.review_items(1))
    review_next(run, "ada", _console(), io.StringIO("3\n"))
    before, after = _console(), _console()
    show_status(list(status(run)), before)
    SimulatedReviewer(lambda _prompt, answer: len(answer), 0.0, 1).answer(run, items[1:3])
    show_status(list(status(run)), after)
    assert "simulated" not in before.file.getvalue()
    assert "3 (2 simulated)" in after.file.getvalue()
