"""Files that somebody broke, or means to break something with: refused whole, by place, and nothing is written."""

import csv
import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from review.errors import BadFile
from review.exchange.formats import FORMATS
from review.exchange.gather import leaving
from review.exchange.sheet import escaped, unescaped
from review.exchange.take_in import Reviewers, take_in
from review.queue import vote
from store.store import Store
from tests.review.questions_for_review import plain, review_run

BIDI = "\u202eevil\u202c"


@pytest.fixture
def run(store):
    return review_run(store, plain(3))


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """For files that leave everything as it is, which `refusal` holds each time."""
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('untouched') / 'rlaif.db'}") as store:
        yield review_run(store, plain(3))


def task_lines(run):
    text = "".join(leaving(run, FORMATS["jsonl"], "tasks").chunks)
    return [json.loads(line) for line in text.splitlines()[1:]]


def refusal(run, format, data, reviewers=None):
    """What the refusal says; that nothing was written is held for each."""
    data = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    with pytest.raises(BadFile) as refused:
        take_in(run, FORMATS[format], io.BytesIO(data), reviewers)
    items = [*run.review_items(1, "train"), *run.review_items(1, "gate")]
    assert [label for item in items for label in run.label_history(item.id)] == []
    assert len(items) == 3
    return str(refused.value)


def answer(run, **changes):
    return json.dumps({**task_lines(run)[0], "choice": "same", "reviewer": "ana", **changes})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"choice": "first"},
            "line 1: 'first' is not an answer; the answers are left_much_better, left_better",
        ),
        ({"choice": ["same"]}, "is not an answer"),
        ({"choice": {"a": 1}}, "is not an answer"),
        ({"task": "task_00000000000000000000"}, "line 1: no task 'task_00000000000000000000' was exported"),
        ({"task": ""}, "task is missing"),
        ({"task": 7}, "task must be a text, not a number"),
        ({"reviewer": None}, "says not who answered; give --reviewer NAME"),
        ({"reviewer": "simulated"}, "cannot be a reviewer's name"),
        ({"reviewer": BIDI}, "cannot be a reviewer's name"),
        ({"reviewer": "an\x00a"}, "cannot be a reviewer's name"),
        ({"reviewer": "a" * 300}, "reviewer has 300 characters; 200 is the most"),
        ({"reason": "x" * 5_000_000}, "reason has 5,000,000 characters; 4,000 is the most"),
        ({"marks": {"kind": "left"}}, "'kind' is no principle of this question; they are correct, plain"),
        ({"marks": {"plain": "top"}}, "'top' is not a mark of 'plain'"),
        ({"marks": [1]}, "marks must be an object"),
        ({"flagged": "yes"}, "flagged must be true or false"),
        ({"left": "another text"}, "left is not the text that was exported as task_"),
        ({"kind": "vote"}, "kind must be label or task"),
    ],
)
def test_a_bad_answer_is_refused_by_line_and_reason(untouched, changes, told):
    assert told in refusal(untouched, "jsonl", answer(untouched, **changes))


def test_texts_that_changed_sides_are_refused(untouched):
    one = task_lines(untouched)[0]
    assert "left is not the text" in refusal(
        untouched, "jsonl", answer(untouched, left=one["right"], right=one["left"])
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"kind": "task", "task": "a", "task": "b"}', "line 2: the key 'task' stands twice in one object"),
        ('{"kind": "task", "seconds": NaN}', "line 2: NaN is no JSON number"),
        ('{"kind": "task"', "line 2: no JSON: "),
        ("[" * 100_000, "line 2: JSON that is nested too deep"),
        ("[1]", "line 2: a line is one JSON object"),
        ("1" * (sys.get_int_max_str_digits() + 1), "line 2: no JSON that can be read"),
        ('{"kind": "about", "format": "rlaif", "version": 99}', "written by a later version"),
    ],
)
def test_what_is_no_clean_json_is_refused_by_line(untouched, line, told):
    assert told in refusal(untouched, "jsonl", answer(untouched) + "\n" + line)


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_what_is_not_utf8_is_refused_by_line(untouched, format):
    first = '"task","choice"\r\n' if format == "csv" else "\n"
    told = refusal(untouched, format, first.encode() + b'{"kind": "\xff"}')
    assert told.startswith("line 2: byte 0xFF is not UTF-8. Save the file as UTF-8")


@pytest.mark.parametrize("format", sorted(FORMATS))
@pytest.mark.parametrize(
    "data", [b"{", b"\x00" * 50, b'"', b"[[]]", b'[{"id": 1}]', b"a,b\n1", b"PK\x03\x04"]
)
def test_files_of_another_kind_are_refused(untouched, format, data):
    assert refusal(untouched, format, data, Reviewers("ana"))


def test_every_fault_is_told_up_to_twenty(untouched):
    told = refusal(
        untouched, "jsonl", "\n".join(answer(untouched, choice="x") for _ in range(30))
    ).splitlines()
    assert told[0] == "nothing was imported: 30 rows of this file cannot be. Mend and import it again:"
    assert [line.split(":")[0] for line in told[1:21]] == [f"line {n}" for n in range(1, 21)]
    assert told[21:] == ["… and 10 more"]


def test_one_bad_row_at_the_end_keeps_all_others_out(untouched):
    good = [json.dumps({**line, "choice": "same", "reviewer": "ana"}) for line in task_lines(untouched)]
    refusal(untouched, "jsonl", "\n".join([*good, answer(untouched, choice="x")]))
    refusal(
        untouched, "jsonl", "\n".join([*good, answer(untouched, choice="both_bad")])
    )  # the same person, twice


def test_hostile_texts_come_through_as_they_are(run):
    reason = f'=1+1\x00{BIDI}<script>alert(1)</script>\ud800","\r\n'
    line = answer(run, reason=reason)
    assert take_in(run, FORMATS["jsonl"], io.BytesIO(line.encode()), None).added == 1
    (label,) = [one for item in run.review_items(1) for one in run.label_history(item.id)]
    assert label.reason == reason
    cells = list(csv.reader(io.StringIO("".join(leaving(run, FORMATS["csv"], "labels").chunks), newline="")))
    cell = cells[1][cells[0].index("reason")]
    assert unescaped(cell) == reason.replace("\ud800", "\ufffd")
    assert cell.startswith("'=")
    # What the sheet could not hold makes no new label when it comes back.
    sheet = "".join(leaving(run, FORMATS["csv"], "labels").chunks).encode()
    assert take_in(run, FORMATS["csv"], io.BytesIO(sheet), None).present == 1


def test_hostile_answers_leave_so_that_they_act_on_nobody(store):
    texts = [
        ("=cmd|' /C calc'!A0", f"+1 {BIDI} \x00\x1b[2J", "-2\ud800"),
        ("@SUM(1)", "\t=x", "x" * 5_000_000),
    ]
    run = review_run(store, texts, name="hostile")
    for format in ("csv", "argilla", "label-studio", "jsonl"):
        made = leaving(run, FORMATS[format], "tasks")
        text = "".join(made.chunks)
        text.encode("utf-8")
        assert made.written == 2
        if format != "jsonl":
            assert not any(
                acting in text for acting in ("\u202e", "\x00", "\x1b", "\\u202e", "\\u0000", "\\u001b")
            )
    sheet = "".join(leaving(run, FORMATS["csv"], "tasks").chunks)
    rows = list(csv.reader(io.StringIO(sheet, newline="")))
    assert not any(cell[:1] in tuple("=+-@\t\r") and cell for row in rows for cell in row)
    filled = sheet.replace('"","","","","",""', '"same","","","","","ana"').encode()
    assert take_in(run, FORMATS["csv"], io.BytesIO(filled), None).added == 2


@given(st.text(st.sampled_from("'=+-@\t\r\na＝ ")))
def test_escaping_a_cell_is_undone_exactly_and_leaves_no_formula(text):
    assert unescaped(escaped(text)) == text
    assert not escaped(text).startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda one: {**one, "value": "both_bad"}, "id is not that of this label"),
        (lambda one: {**one, "reason": "other"}, "is stored already, with another reason"),
        (lambda one: {**one, "extra": 1}, "extra: Extra inputs are not permitted"),
        (lambda one: {**one, "created_at": "2026-01-01T00:00:00"}, "created_at has no time zone"),
        (lambda one: {**one, "inclusion_probability": 2}, "inclusion_probability: Input should be less than"),
    ],
)
def test_a_label_that_somebody_changed_is_refused(run, change, told):
    vote(run, next(run.review_items(1)).id, "bo", "left_better")
    (line,) = "".join(leaving(run, FORMATS["jsonl"], "labels").chunks).splitlines()[1:]
    data = json.dumps(change(json.loads(line))).encode()
    with pytest.raises(BadFile, match=told):
        take_in(run, FORMATS["jsonl"], io.BytesIO(data), None)


def test_a_label_cannot_claim_another_design_or_a_blindness_it_had_not(run, tmp_path):
    item = next(run.review_items(1))
    vote(run, item.id, "bo", "left_better")
    (line,) = "".join(leaving(run, FORMATS["jsonl"], "labels").chunks).splitlines()[1:]
    with Store.open(f"sqlite:///{tmp_path / 'other.db'}") as other:
        copy = review_run(other, plain(3))
        copy.add_reveals([item.comparison_id], "bo", "lead")
        late = {**json.loads(line), "created_at": "2999-01-01T00:00:00Z"}
        assert "was shown the verdict before" in refusal(copy, "jsonl", json.dumps(late))
        surer = {**json.loads(line), "inclusion_probability": 1.0}
        assert "and of item itm_" in refusal(copy, "jsonl", json.dumps(surer))
        stranger = review_run(other, plain(9)[6:], name="stranger")
        assert "labels go back to the run they are of" in refusal(stranger, "jsonl", line)
    assert "labels bear their reviewers" in _told(run, line)


def _told(run, line):
    with pytest.raises(BadFile) as refused:
        take_in(run, FORMATS["jsonl"], io.BytesIO(line.encode()), Reviewers("ana"))
    return str(refused.value)


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ([("pairwise", "preferred", {"selected": "up"})], "'up' is no side"),
        ([("choices", "extent", {"choices": ["much better"]})], "'much better' without a side"),
        ([("choices", "extent", {"choices": ["good"]})], "'good' is none of much better, same, both bad"),
        (
            [("pairwise", "preferred", {"selected": "left"}), ("choices", "extent", {"choices": ["same"]})],
            "says that the left answer is better, and 'same'",
        ),
        ([("pairwise", "p", {"selected": "left"}), ("pairwise", "q", {"selected": "left"})], "answers twice"),
        ([("pairwise", "preferred", "left")], "'None' is no side"),
    ],
)
def test_annotations_that_contradict_themselves_are_refused(untouched, result, told):
    task = json.loads("".join(leaving(untouched, FORMATS["label-studio"]).chunks))[0]
    listed = [{"type": type, "from_name": name, "value": value} for type, name, value in result]
    task["annotations"] = [{"result": listed, "completed_by": 1}]
    with pytest.raises(BadFile, match=told):
        take_in(untouched, FORMATS["label-studio"], io.BytesIO(json.dumps([task]).encode()), None)


def test_preferences_that_fit_nothing_or_contradict_are_refused(untouched):
    comparison = untouched.comparison(next(untouched.review_items(1)).comparison_id)
    asked = comparison.prompt.messages[0].content
    one = {"prompt": asked, "chosen": comparison.first.text, "rejected": comparison.second.text}
    opposite = {"prompt": asked, "chosen": comparison.second.text, "rejected": comparison.first.text}
    ana = Reviewers("ana")
    assert "line 1: no comparison of this run" in refusal(
        untouched, "trl", json.dumps({**one, "chosen": "?"}), ana
    )
    assert "says the opposite of line" in refusal(
        untouched, "trl", f"{json.dumps(one)}\n{json.dumps(opposite)}", ana
    )
    assert "are the same" in refusal(
        untouched, "trl", json.dumps({**one, "chosen": "x", "rejected": "x"}), ana
    )
    assert "give --reviewer NAME" in refusal(untouched, "trl", json.dumps(one))


def test_a_column_that_stands_twice_is_refused(untouched):
    assert "the column 'task' stands twice" in refusal(untouched, "csv", "task,choice,task\r\na,same,b\r\n")
    assert "no column choice" in refusal(untouched, "csv", "task\r\na\r\n")
    assert "line 3: 1 cells, and the first row names 2" in refusal(
        untouched, "csv", 'task,choice\r\n"",""\r\nb\r\n'
    )
