"""The review queue in a terminal: blind, from a pipe, and unmoved by what answers contain."""

import io

import pytest
import sqlalchemy as sa
from rich.console import Console

from prompts.hashing import content_hash
from review.draw import Design, draw
from review.queue import claim, skip, status, vote
from review.simulated import SimulatedReviewer
from review.terminal import review_next, show_status
from store import tables
from store.records import Comparison, Run, StageMarker

PRINCIPLES = """name: two
version: "1"
principles:
  - {id: helpful, axis: helpful, text: Be right and plain.}
  - {id: harmless, axis: harmless, text: Refuse harm.}
"""
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


@pytest.fixture
def principled(make_judged, store):
    """A run that keeps its constitution, with three items, and reveals as it is told."""

    def make(reveal):
        config = {"spot_check": {"reveal": reveal}}
        run = store.create_run(Run(name="marks", seed=0, config_hash="h", config=config))
        run.save_texts({content_hash(PRINCIPLES): PRINCIPLES})
        judged = []
        for comparison, verdict in make_judged([0.8123] * 3):
            fields = {**comparison.model_dump(exclude={"id"}), "constitution": content_hash(PRINCIPLES)}
            under = Comparison(**fields)
            said = {"comparison_id": under.id, "rationale": "it cites a source"}
            judged.append((under, verdict.model_copy(update=said)))
        run.add_prompts(comparison.prompt for comparison, _ in judged)
        run.add_samples(s for comparison, _ in judged for s in (comparison.first, comparison.second))
        run.add_comparisons(comparison for comparison, _ in judged)
        run.add_verdicts(verdict for _, verdict in judged)
        run.add_review_items(draw(judged, 3, 0, 3, 1, "gate"))
        return run

    return make


def test_a_line_holds_marks_and_a_reason(principled):
    run, console = principled("batch"), _console()
    keys = "2 zl\n2 qx\n4 ql ws # the left one says why # twice\n"
    assert review_next(run, "ada", console, io.StringIO(keys)) == 1
    (label,) = run.labels(1)
    left = "second" if label.swapped else "first"
    assert label.marks == {"helpful": left, "harmless": "same"}
    assert (label.reason, label.blind) == ("the left one says why # twice", True)
    assert label.seconds is not None
    shown = console.file.getvalue()
    assert "q helpful: Be right and plain." in shown
    assert "'zl' is not a mark (q, w with l, r or s)" in shown
    assert "0.81" not in shown


def test_a_skip_has_a_cause_and_can_be_undone(run):
    console = _console()
    assert review_next(run, "ada", console, io.StringIO("s because\n?\ns language # Welsh\nu\n3\n"), 2) == 1
    shown = console.file.getvalue()
    assert "'because' is not a cause (cannot_tell," in shown
    assert "After an answer: marks" in shown
    (label,) = run.labels(1)
    assert (label.value, len(list(run.open_items("ada")))) == ("same", 4)
    items = [item.id for item in run.review_items(1)]
    review_next(run, "bob", _console(), io.StringIO("s language # Welsh\n"))
    with run.database.read() as connection:
        skips = connection.execute(sa.select(tables.skips).where(tables.skips.c.reviewer == "bob")).all()
    assert [(skip.cause, skip.reason, skip.item_id in items) for skip in skips] == [
        ("language", "Welsh", True)
    ]


def test_an_undo_goes_back_to_the_question_before(run):
    review_next(run, "ada", _console(), io.StringIO("1\nu\n5\nq\n"), limit=None)
    history = [label.value for item in run.review_items(1) for label in run.label_history(item.id)]
    assert len(history) == 3
    assert history[1] == "withdrawn"
    assert {history[0], history[2]} == {"much_better", "much_worse"}


def test_where_verdicts_are_told_at_once_they_are_told_after_the_answer(principled):
    run, console = principled("at_once"), _console()
    review_next(run, "ada", console, io.StringIO("2\n"))
    (label,) = run.labels(1)
    shown = console.file.getvalue()
    assert f"scripted gave the left one {0.19 if label.swapped else 0.81:.2f}. it cites a source" in shown
    assert run.revealed("ada", [label.comparison_id])


def test_who_must_wait_for_what_others_hold_is_told_so(run):
    claim(run, "bob", count=5)
    console = _console()
    assert review_next(run, "ada", console, io.StringIO("3\n")) == 0
    assert "Others are looking at what is left (5)" in console.file.getvalue()


def test_status_tells_open_held_labelled_and_done(make_judged, fill):
    judged = make_judged([0.1 + 0.1 * number for number in range(6)])
    run = fill(judged)
    run.add_review_items(draw(judged, 4, 2, 3, 1, "gate", Design(overlap=2)))
    items = {
        lane: [item for item in run.review_items(1) if item.lane == lane] for lane in ("random", "targeted")
    }
    vote(run, items["random"][0].id, "ada", "same")
    vote(run, items["random"][0].id, "bob", "same")
    vote(run, items["random"][1].id, "ada", "same")
    run.lease_item(items["random"][2].id, "cem", 60.0)
    run.lease_item(items["targeted"][0].id, "cem", -1.0)
    skip(run, items["targeted"][1].id, "ada", "broken")
    random, targeted = status(run)
    assert (random.drawn, random.open, random.held, random.labelled, random.done, random.skipped) == (
        4,
        3,
        1,
        2,
        1,
        0,
    )
    assert (targeted.drawn, targeted.open, targeted.held, targeted.done, targeted.skipped) == (2, 1, 0, 0, 1)
    console = _console()
    show_status([random], console)
    head, row = (line for line in console.file.getvalue().splitlines() if "drawn" in line or "random" in line)
    assert [word.strip() for word in head.strip("┃").split("┃")][3:] == [
        "drawn", "open", "held", "labelled", "done", "skipped"
    ]  # fmt: skip
    assert [word.strip() for word in row.strip("│").split("│")][3:] == ["4", "3", "1", "2", "1", "0"]
